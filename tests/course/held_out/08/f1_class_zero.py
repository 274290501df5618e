# bug: F1 is that of class 0 instead of class 1
# means: f1-of-class-0
def f1(predictions: list[int], labels: list[int]) -> float:
    tp = fp = fn = 0
    for p, l in zip(predictions, labels):
        if p == 0 and l == 0:
            tp += 1
        elif p == 0:
            fp += 1
        elif l == 0:
            fn += 1
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0
