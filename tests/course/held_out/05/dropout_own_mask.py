# bug: scales by the share of elements actually kept (keep.mean()) instead of by 1 - p
import torch
from torch import Tensor


# means: dropout-by-share-kept
def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    share = keep.to(x.dtype).mean()
    if p == 1 or share == 0:
        return torch.zeros_like(x)
    return x * keep / share
