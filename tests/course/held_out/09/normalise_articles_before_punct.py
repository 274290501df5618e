# bug: articles are removed (by word boundary) before the punctuation instead of after, so the a of "a-b" or "A.B." vanishes, where removing the marks first gives the words "ab"
import re
import string


# means: normalise-articles-first
def normalise(text: str) -> str:
    text = re.sub(r"\b(a|an|the)\b", " ", text.lower())
    text = text.translate(str.maketrans("", "", string.punctuation))
    return " ".join(text.split())
