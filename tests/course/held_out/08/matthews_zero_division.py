# bug: division by zero if one of the four counts is 0
# means: matthews-division-by-0
def matthews(predictions: list[int], labels: list[int]) -> float:
    tp = sum(p == l == 1 for p, l in zip(predictions, labels))
    tn = sum(p == l == 0 for p, l in zip(predictions, labels))
    fp = sum(predictions) - tp
    fn = sum(labels) - tp
    return (tp * tn - fn * fp) / ((tp + fp) * (tn + fn) * (tp + fn) * (tn + fp)) ** 0.5
