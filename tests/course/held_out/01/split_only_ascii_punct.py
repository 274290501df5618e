# bug: only string.punctuation is split off; other Unicode punctuation such as “ or … stays in the word
import string
import unicodedata


# means: split-ascii-punctuation
def split_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFD", text.lower())
    out = ""
    for ch in text:
        if unicodedata.category(ch) == "Mn":
            continue
        if ch in string.punctuation or "\u4e00" <= ch <= "\u9fff":
            out += " " + ch + " "
        else:
            out += ch
    return out.split()
