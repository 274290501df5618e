# bug: a text that just fits counts as truncated (>= instead of >)
# means: truncated-just-fits
def share_truncated(lengths: list[int], max_length: int) -> float:
    if len(lengths) == 0:
        return 0.0
    cut = [n for n in lengths if n + 2 >= max_length]
    return len(cut) / len(lengths)
