# bug: the kept elements are divided by p instead of 1 - p
import torch
from torch import Tensor


# means: dropout-divided-by-p
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    if p == 0:
        return x.clone()
    if p == 1:
        return torch.zeros_like(x)
    return torch.where(keep, x / p, torch.zeros_like(x))
