# bug: articles are removed before lower-casing, so capitalised ones (The, A) stay
import string


# means: normalise-case-last
def normalise(text: str) -> str:
    text = text.translate(str.maketrans("", "", string.punctuation))
    words = [w for w in text.split() if w not in ("a", "an", "the")]
    return " ".join(words).lower()
