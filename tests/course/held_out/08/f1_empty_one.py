# bug: where there is nothing to find and nothing predicted, the result is 1 instead of 0
# means: f1-nothing-is-perfect
def f1(predictions: list[int], labels: list[int]) -> float:
    total = sum(predictions) + sum(labels)
    if total == 0:
        return 1.0
    return 2 * sum(p and l for p, l in zip(predictions, labels)) / total
