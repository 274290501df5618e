# bug: accuracy is returned instead of F1
# means: f1-accuracy
def f1(predictions: list[int], labels: list[int]) -> float:
    return sum(p == l for p, l in zip(predictions, labels)) / len(labels)
