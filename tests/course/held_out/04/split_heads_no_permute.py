# bug: the result is (B, S, H, W): heads and places are not swapped
import torch
from torch import Tensor


# means: split-not-transposed
def split_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, x.shape[-1] // heads))
