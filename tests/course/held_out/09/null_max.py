# bug: the largest null score is used instead of the smallest
# means: null-maximum
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return max(null_scores) - span_score <= threshold
