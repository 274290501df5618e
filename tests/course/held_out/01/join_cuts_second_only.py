# bug: tokens are dropped from the end of the second text only, and from the first only once the second is empty, instead of from the longer
# means: pair-only-second-cut
def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    room = max_length - 3
    first = list(first)[:room]
    second = list(second)[: room - len(first)]
    tokens = ["[CLS]"] + first + ["[SEP]"] + second + ["[SEP]"]
    return tokens, [0] * (len(first) + 2) + [1] * (len(second) + 1)
