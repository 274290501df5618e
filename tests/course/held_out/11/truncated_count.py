# bug: the number of truncated texts is returned instead of their share
# means: truncated-number
def share_truncated(lengths: list[int], max_length: int) -> float:
    return float(sum(n + 2 > max_length for n in lengths))
