# bug: the mean of the null scores is used instead of the smallest
# means: null-mean
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    null = sum(null_scores) / len(null_scores)
    return null - span_score <= threshold
