# bug: words are found with \w+ and every other character stands alone, so the underscore is not split off (and symbols that are not punctuation, such as €, are)
import re
import unicodedata


# means: split-underscore-is-a-letter
def split_words(text: str) -> list[str]:
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return re.findall(r"[\u4e00-\u9fff]|(?:(?![\u4e00-\u9fff])\w)+|[^\w\s]", text)
