# bug: log(sum(exp(logits))) without subtracting the maximum overflows for large logits
import torch
from torch import Tensor


# means: loss-overflow
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    keep = labels != ignore_index
    x, y = logits[keep], labels[keep]
    if len(y) == 0:
        return torch.zeros((), dtype=logits.dtype)
    return (x.exp().sum(-1).log() - x[torch.arange(len(y)), y]).mean()
