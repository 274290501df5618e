# bug: the factor 2 is missing: precision * recall / (precision + recall)
# means: f1-product
def f1(predictions: list[int], labels: list[int]) -> float:
    both = sum(p * l for p, l in zip(predictions, labels))
    if both == 0:
        return 0.0
    precision, recall = both / sum(predictions), both / sum(labels)
    return precision * recall / (precision + recall)
