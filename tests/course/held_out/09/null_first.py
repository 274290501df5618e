# bug: only the first window's null score is looked at
# means: null-first-window
def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    if null_scores[0] - span_score > threshold:
        return False
    return True
