# bug: punctuation is only used as a separator and does not become a word of its own
import string
import unicodedata


# means: split-drops-punctuation
def split_words(text: str) -> list[str]:
    result = ""
    for c in unicodedata.normalize("NFD", text.lower()):
        cat = unicodedata.category(c)
        if cat == "Mn":
            continue
        elif c in string.punctuation or cat.startswith("P"):
            result += " "
        elif "\u4e00" <= c <= "\u9fff":
            result += " " + c + " "
        else:
            result += c
    return result.split()
