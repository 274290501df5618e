# bug: head h gets every H-th number (view as W, H) instead of the h-th contiguous slice
import torch
from torch import Tensor


# means: split-interleaved
def split_heads(x: Tensor, heads: int) -> Tensor:
    B, S, D = x.shape
    return x.view(B, S, D // heads, heads).permute(0, 3, 1, 2)
