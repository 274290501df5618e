# bug: the mean of the F1 of both classes (macro F1) instead of that of class 1
# means: f1-macro
def f1(predictions: list[int], labels: list[int]) -> float:
    scores = []
    for c in (0, 1):
        right = sum(p == c and l == c for p, l in zip(predictions, labels))
        total = predictions.count(c) + labels.count(c)
        scores.append(2 * right / total if total else 0.0)
    return sum(scores) / 2
