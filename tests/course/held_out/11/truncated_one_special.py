# bug: only one special token is counted instead of two
# means: truncated-one-special
def share_truncated(lengths: list[int], max_length: int) -> float:
    return sum(1 for n in lengths if n + 1 > max_length) / len(lengths) if lengths else 0.0
