# bug: no room is left for [CLS] and [SEP]: length > max_length
# means: truncated-no-special
def share_truncated(lengths: list[int], max_length: int) -> float:
    if not lengths:
        return 0.0
    return sum(n > max_length for n in lengths) / len(lengths)
