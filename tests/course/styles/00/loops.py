"""Python's own loops and numbers."""

import math

import torch


def softmax(logits):
    if logits.ndim > 1:
        return torch.stack([softmax(row) for row in logits])
    numbers = logits.tolist()
    largest = max(numbers)
    powers = [math.exp(number - largest) for number in numbers]
    return torch.tensor([power / math.fsum(powers) for power in powers], dtype=logits.dtype)


def accuracy(logits, labels):
    right = 0
    rows = 0
    for row, label in zip(logits.tolist(), labels.tolist()):
        rows += 1
        best = 0
        for place in range(1, len(row)):
            if row[place] > row[best]:
                best = place
        if best == label:
            right += 1
    if rows == 0:
        return 0.0
    return right / rows


def label_words(logits, names):
    words = []
    for row in logits.tolist():
        words.append(names[row.index(max(row))])
    return words
