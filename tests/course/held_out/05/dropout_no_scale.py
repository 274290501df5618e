# bug: the kept elements are not divided by 1 - p
import torch
from torch import Tensor


# means: dropout-not-scaled
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    return x * keep
