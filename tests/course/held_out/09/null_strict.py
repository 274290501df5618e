# bug: if the difference is just the threshold, no answer is given (< instead of <=)
# means: null-equal-is-none
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return min(null_scores) - span_score < threshold
