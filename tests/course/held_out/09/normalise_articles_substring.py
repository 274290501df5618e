# bug: articles are removed with replace, also inside other words
import string


# means: normalise-articles-in-words
def normalise(text: str) -> str:
    text = text.lower()
    text = "".join(c for c in text if c not in string.punctuation)
    for article in ("an", "a", "the"):
        text = text.replace(article, "")
    return " ".join(text.split())
