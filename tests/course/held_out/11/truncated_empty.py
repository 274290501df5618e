# bug: of no texts: division by zero
# means: truncated-division-by-0
def share_truncated(lengths: list[int], max_length: int) -> float:
    too_long = 0
    for n in lengths:
        if n > max_length - 2:
            too_long += 1
    return too_long / len(lengths)
