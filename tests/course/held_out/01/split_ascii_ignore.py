# bug: accents are removed by encoding to ASCII (errors ignored), so every other non-ASCII letter is lost too (ß, Greek, Chinese)
import string
import unicodedata


# means: split-ascii-after-decomposing
def split_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFD", text.lower()).encode("ascii", "ignore").decode()
    for mark in string.punctuation:
        text = text.replace(mark, " " + mark + " ")
    return text.split()
