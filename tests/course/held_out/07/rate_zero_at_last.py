# bug: the rate already becomes 0 in step total - 1, the last one, instead of in step total
# means: rate-0-too-early
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak * step / warmup
    if total - 1 - warmup == 0:
        return peak if step == warmup else 0.0
    return peak * max(0, total - 1 - step) / (total - 1 - warmup)
