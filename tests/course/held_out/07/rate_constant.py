# bug: after the warm-up the rate stays at the peak instead of falling
# means: rate-no-decay
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    if warmup == 0 or step >= warmup:
        return float(peak)
    return peak * step / warmup
