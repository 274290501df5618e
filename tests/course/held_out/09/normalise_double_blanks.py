# bug: double blanks that were there or are left by removed articles stay, only the ends are stripped
import re
import string


# means: normalise-outer-blanks
def normalise(text: str) -> str:
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    text = re.sub(r"\b(a|an|the)\b", "", text)
    return text.strip()
