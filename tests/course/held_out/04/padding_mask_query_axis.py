# bug: the mask has shape (B, 1, S, 1), laid over the queries instead of the keys
import torch
from torch import Tensor


# means: padding-of-queries
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    m = torch.arange(size)[None] < lengths[:, None]
    return m[:, None, :, None]
