# bug: the first [SEP] gets type 1 instead of 0
# means: pair-first-separator-type-1
def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    a, b = first.copy(), second.copy()
    while len(a) + len(b) + 3 > max_length:
        (a if len(a) > len(b) else b).pop()
    tokens = ["[CLS]"] + a + ["[SEP]"] + b + ["[SEP]"]
    types = [0] * (1 + len(a)) + [1] * (len(b) + 2)
    return tokens, types
