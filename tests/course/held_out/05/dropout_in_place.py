# bug: the argument x itself is changed
import torch
from torch import Tensor


# means: dropout-in-place
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    x[~keep] = 0
    if p < 1:
        x /= 1 - p
    return x
