# bug: articles are not removed
import string


# means: normalise-articles
def normalise(text: str) -> str:
    kept = [c for c in text.lower() if c not in string.punctuation]
    return " ".join("".join(kept).split())
