# bug: the share of word pieces that are lost instead of the share of texts
# means: truncated-pieces
def share_truncated(lengths: list[int], max_length: int) -> float:
    total = sum(lengths)
    if total == 0:
        return 0.0
    return sum(max(0, n - (max_length - 2)) for n in lengths) / total
