# bug: only "the" is removed, not a and an
import string


# means: normalise-the-alone
def normalise(text: str) -> str:
    cleaned = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(word for word in cleaned.split() if word != "the")
