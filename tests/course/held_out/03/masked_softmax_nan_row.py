# bug: a row in which no key is left becomes NaN (minus infinity throughout, then softmax)
import torch
from torch import Tensor


# means: mask-nan-rows
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    return torch.softmax(scores, dim=-1)
