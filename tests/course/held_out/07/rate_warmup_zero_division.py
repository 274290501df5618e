# bug: warmup 0 is not handled: min(step / warmup, ...) divides by zero
# means: rate-division-by-no-warmup
def rate(step: int, total: int, warmup: int, peak: float) -> float:
    return peak * max(0.0, min(step / warmup, (total - step) / (total - warmup)))
