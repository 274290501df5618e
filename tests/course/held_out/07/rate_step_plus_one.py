# bug: the warm-up counts from 1, (step + 1) / warmup, so the rate is not 0 in step 0 and the peak comes one step early
# means: rate-counts-from-1
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (total - step) / (total - warmup)
