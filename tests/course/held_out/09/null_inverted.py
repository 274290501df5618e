# bug: True means that no answer is given
# means: null-answers-turned-round
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return min(null_scores) - span_score > threshold
