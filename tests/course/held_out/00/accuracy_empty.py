# bug: no special case for zero rows, so accuracy is NaN instead of 0.0
import torch
from torch import Tensor


# means: accuracy-nothing-of-nothing
def accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=-1) == labels).float().mean().item()
