# bug: the numbers of the heads are interleaved: permuted to (B, S, W, H) before flattening
import torch
from torch import Tensor


# means: merge-interleaved
def merge_heads(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(2)
