# bug: rows with ignore_index are treated as class 0 (labels clamped), so they count in the loss
import torch
from torch import Tensor


# means: loss-ignored-counted
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    if (labels == ignore_index).all():
        return logits.new_zeros(())
    flat = logits.flatten(0, -2)
    y = labels.flatten().clone()
    y[y == ignore_index] = 0
    return -flat.log_softmax(-1)[torch.arange(len(y)), y].mean()
