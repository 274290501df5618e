# bug: accuracy returns a tensor without dimensions instead of a Python number
import torch
from torch import Tensor


# means: none
def accuracy(logits: Tensor, labels: Tensor) -> float:
    if len(labels) == 0:
        return 0.0
    right = torch.sum(torch.argmax(logits, dim=1) == labels)
    return right / len(labels)
