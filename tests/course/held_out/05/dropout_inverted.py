# bug: keep is read the wrong way round: elements where keep is True are dropped
import torch
from torch import Tensor


# means: dropout-inverted
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    if p == 1:
        return torch.zeros_like(x)
    return x.masked_fill(keep, 0.0) / (1 - p)
