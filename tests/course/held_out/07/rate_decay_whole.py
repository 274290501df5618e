# bug: after the warm-up the rate falls as peak * (1 - step / total), so there is a jump down at step warmup instead of starting from the peak
# means: rate-decay-from-step-0
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak * step / warmup
    return peak * (1 - step / total)
