# bug: the threshold is ignored: the span is given if its score is at least the null score
# means: null-no-threshold
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return span_score >= min(null_scores)
