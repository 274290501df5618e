# bug: the absolute value is returned, so -1 becomes 1
# means: matthews-no-sign
def matthews(predictions: list[int], labels: list[int]) -> float:
    n11 = sum(p * l for p, l in zip(predictions, labels))
    n00 = sum((1 - p) * (1 - l) for p, l in zip(predictions, labels))
    n10, n01 = sum(predictions) - n11, sum(labels) - n11
    d = sum(predictions) * (len(labels) - sum(predictions)) * sum(labels) * (len(labels) - sum(labels))
    return abs(n11 * n00 - n10 * n01) / d**0.5 if d else 0.0
