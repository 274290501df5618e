# bug: Chinese characters are not split into words of their own
import string
import unicodedata


# means: split-chinese-together
def split_words(text: str) -> list[str]:
    chars = []
    for c in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(c)
        if category != "Mn":
            if c in string.punctuation or category.startswith("P"):
                chars += [" ", c, " "]
            else:
                chars.append(c)
    return "".join(chars).split()
