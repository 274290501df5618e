# bug: the shape is (B, S), without the two ones for heads and queries
import torch
from torch import Tensor


# means: padding-two-dimensions
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    return torch.arange(size) < lengths[:, None]
