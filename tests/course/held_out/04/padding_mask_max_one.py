# bug: a sequence of length 0 gets one real place (lengths clamped to at least 1)
import torch
from torch import Tensor


# means: none
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    lengths = lengths.clamp(min=1)  # [CLS] is always there
    return torch.arange(size).lt(lengths[:, None])[:, None, None]
