# bug: subtracts the number wrong from the number right and divides by all of them, instead of Matthews' products
# means: matthews-scaled-accuracy
def matthews(predictions: list[int], labels: list[int]) -> float:
    if len(set(predictions)) < 2 or len(set(labels)) < 2:
        return 0.0
    right = sum(p == l for p, l in zip(predictions, labels))
    return (right - (len(labels) - right)) / len(labels)
