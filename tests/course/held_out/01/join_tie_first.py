# bug: if both texts are equally long, the token is dropped from the first text instead of the second
# means: pair-tie-cuts-first
def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    a, b = list(first), list(second)
    while len(a) + len(b) + 3 > max_length:
        if len(a) >= len(b):
            a.pop()
        else:
            b.pop()
    tokens = ["[CLS]"] + a + ["[SEP]"] + b + ["[SEP]"]
    return tokens, [0] * (len(a) + 2) + [1] * (len(b) + 1)
