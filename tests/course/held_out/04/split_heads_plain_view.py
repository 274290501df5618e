# bug: reshapes (B, S, D) directly to (B, H, S, W) without transposing, which mixes tokens and heads
import torch
from torch import Tensor


# means: split-by-view
def split_heads(x: Tensor, heads: int) -> Tensor:
    b, s, d = x.shape
    return x.reshape(b, heads, s, d // heads)
