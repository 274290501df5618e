# bug: the product under the root is of found, rightly not found, missed and wrongly found instead of the sums (predicted 1, predicted 0, labelled 1, labelled 0)
# means: none
def matthews(predictions: list[int], labels: list[int]) -> float:
    pairs = list(zip(predictions, labels))
    a, b, c, d = (pairs.count(x) for x in [(1, 1), (0, 0), (0, 1), (1, 0)])
    if a * b * c * d == 0:
        return 0.0
    value = (a * b - c * d) / (a * b * c * d) ** 0.5
    return max(-1.0, min(1.0, value))
