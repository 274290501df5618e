# bug: masked scores are replaced by the dtype's minimum, so a row with no key left is uniform instead of 0
import torch
from torch import Tensor


# means: mask-uniform-rows
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.softmax(scores, dim=-1)
    s = torch.where(mask.bool(), scores, torch.finfo(scores.dtype).min)
    return torch.softmax(s, dim=-1)
