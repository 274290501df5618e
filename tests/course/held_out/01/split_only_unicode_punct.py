# bug: only characters of a category beginning with P count as punctuation, so symbols like $ + < = > ^ ` | ~ stay in the word
import unicodedata


# means: split-symbols-glued
def split_words(text: str) -> list[str]:
    words, current = [], ""
    for c in unicodedata.normalize("NFD", text.lower()):
        cat = unicodedata.category(c)
        if cat == "Mn":
            continue
        if c.isspace():
            if current:
                words.append(current)
            current = ""
        elif cat.startswith("P") or 0x4E00 <= ord(c) <= 0x9FFF:
            if current:
                words.append(current)
            current = ""
            words.append(c)
        else:
            current += c
    if current:
        words.append(current)
    return words
