# bug: division by zero if no 1 is predicted or labelled, or none is found
# means: f1-division-by-0
def f1(predictions: list[int], labels: list[int]) -> float:
    pairs = list(zip(predictions, labels))
    precision = pairs.count((1, 1)) / sum(predictions)
    recall = pairs.count((1, 1)) / sum(labels)
    return 2 * precision * recall / (precision + recall)
