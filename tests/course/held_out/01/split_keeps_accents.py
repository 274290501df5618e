# bug: accents are not removed, because the text is normalised to NFC, where they are not characters of their own
import string
import unicodedata


# means: split-keeps-accents
def split_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text.lower())
    pieces = []
    for c in text:
        category = unicodedata.category(c)
        if category == "Mn":
            continue
        if c in string.punctuation or category[0] == "P" or "\u4e00" <= c <= "\u9fff":
            pieces.append(f" {c} ")
        else:
            pieces.append(c)
    return "".join(pieces).split()
