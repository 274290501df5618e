# bug: all non-word characters are removed with a regular expression, so other marks such as “ or € go as well
import re


# means: normalise-unicode-punctuation
def normalise(text: str) -> str:
    text = re.sub(r"[^\w\s]|_", "", text.lower())
    return " ".join(w for w in text.split() if w not in {"a", "an", "the"})
