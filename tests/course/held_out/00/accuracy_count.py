# bug: accuracy returns the number of right rows instead of their share
import torch
from torch import Tensor


# means: accuracy-count
def accuracy(logits: Tensor, labels: Tensor) -> float:
    right = 0
    for row, label in zip(logits, labels):
        if int(row.argmax()) == int(label):
            right += 1
    return float(right)
