# bug: texts are compared as they are, without lower case and blanks made equal
# means: leak-as-written
def leaked(train: list[str], dev: list[str]) -> list[int]:
    seen = set(train)
    return [i for i, text in enumerate(dev) if text in seen]
