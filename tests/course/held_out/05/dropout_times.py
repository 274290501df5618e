# bug: the kept elements are multiplied by 1 - p instead of divided
import torch
from torch import Tensor


# means: dropout-multiplied
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    return x * keep.to(x.dtype) * (1 - p)
