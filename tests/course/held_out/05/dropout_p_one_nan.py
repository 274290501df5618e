# bug: p = 1 gives NaN (0 times infinity) instead of 0
import torch
from torch import Tensor


# means: dropout-nan
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    scale = torch.tensor(1.0, dtype=x.dtype) / (1 - p)
    return x * keep * scale
