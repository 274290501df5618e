# bug: the tokens are popped from the lists that were given, so the caller's lists are changed
# means: pair-caller-s-lists-cut
def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    while len(first) + len(second) > max_length - 3:
        if len(first) > len(second):
            first.pop()
        else:
            second.pop()
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    types = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    return tokens, types
