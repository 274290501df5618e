# bug: punctuation is replaced by a blank instead of by nothing
import re
import string


# means: normalise-punctuation-to-blank
def normalise(text: str) -> str:
    text = text.lower()
    text = "".join(" " if c in string.punctuation else c for c in text)
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())
