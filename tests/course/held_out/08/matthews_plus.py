# bug: the products of right and wrong are added instead of subtracted
import math


# means: matthews-errors-added
def matthews(predictions: list[int], labels: list[int]) -> float:
    tp = tn = fp = fn = 0
    for p, l in zip(predictions, labels):
        tp += p == 1 and l == 1
        tn += p == 0 and l == 0
        fp += p == 1 and l == 0
        fn += p == 0 and l == 1
    bottom = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn + fp * fn) / bottom if bottom else 0.0
