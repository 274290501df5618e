# bug: the arithmetic mean of precision and recall instead of the harmonic mean
# means: f1-arithmetic-mean
def f1(predictions: list[int], labels: list[int]) -> float:
    tp = sum(1 for p, l in zip(predictions, labels) if p == 1 and l == 1)
    if tp == 0:
        return 0.0
    precision = tp / sum(predictions)
    recall = tp / sum(labels)
    return (precision + recall) / 2
