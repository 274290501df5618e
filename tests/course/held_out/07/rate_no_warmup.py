# bug: the warm-up is left out: the rate falls from the peak at step 0 on
# means: rate-no-warmup
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    return peak * (total - step) / total
