# bug: the mask is taken the wrong way round: True keys are hidden
import torch
from torch import Tensor


# means: mask-inverted
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.softmax(scores, dim=-1)
    masked = scores.masked_fill(mask.bool(), float("-inf"))
    return torch.nan_to_num(torch.softmax(masked, dim=-1), nan=0.0)
