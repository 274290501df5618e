# bug: the share of texts that fit instead of those that do not
# means: truncated-others
def share_truncated(lengths: list[int], max_length: int) -> float:
    if not lengths:
        return 0.0
    return sum(n + 2 <= max_length for n in lengths) / len(lengths)
