# bug: the slices are stacked in front of the batch, giving (H, B, S, W) instead of (B, H, S, W)
import torch
from torch import Tensor


# means: split-heads-first
def split_heads(x: Tensor, heads: int) -> Tensor:
    w = x.shape[-1] // heads
    return torch.stack([x[:, :, h * w : (h + 1) * w] for h in range(heads)])
