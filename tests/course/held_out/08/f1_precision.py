# bug: the precision alone is returned
# means: f1-precision
def f1(predictions: list[int], labels: list[int]) -> float:
    predicted = [i for i, p in enumerate(predictions) if p == 1]
    if not predicted or 1 not in labels:
        return 0.0
    return sum(labels[i] for i in predicted) / len(predicted)
