# bug: exp(scores) * mask / sum with no maximum subtracted, which overflows or underflows for very large or small scores
import torch
from torch import Tensor


# means: mask-overflow
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    e = scores.exp()
    if mask is not None:
        e = e * mask
    total = e.sum(-1, keepdim=True)
    total = torch.where(total == 0, torch.ones_like(total), total)
    return e / total
