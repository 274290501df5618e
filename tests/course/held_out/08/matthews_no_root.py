# bug: divides by the product of the four counts without its root
# means: matthews-no-root
def matthews(predictions: list[int], labels: list[int]) -> float:
    pairs = list(zip(predictions, labels))
    tp, tn = pairs.count((1, 1)), pairs.count((0, 0))
    fp, fn = pairs.count((1, 0)), pairs.count((0, 1))
    product = (tp + fp) * (tn + fn) * (tp + fn) * (tn + fp)
    return (tp * tn - fp * fn) / product if product else 0.0
