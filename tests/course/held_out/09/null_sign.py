# bug: the difference is the wrong way round: span minus null compared with the threshold (threshold's sign turned)
# means: null-sign-of-threshold
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    null = min(null_scores)
    return span_score - null >= threshold
