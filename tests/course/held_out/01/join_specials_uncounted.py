# bug: the three special tokens are not counted towards max_length, so the result is up to 3 tokens too long
# means: pair-special-tokens-not-counted
def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    first = first[:]
    second = second[:]
    while len(first) + len(second) > max_length:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    left = ["[CLS]"] + first + ["[SEP]"]
    right = second + ["[SEP]"]
    return left + right, [0 for _ in left] + [1 for _ in right]
