# bug: the maximum subtracted is that of all keys, masked ones included, so when a masked score is much larger the rest underflows to 0
import torch
from torch import Tensor


# means: mask-renormalised
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        mask = torch.ones_like(scores)
    exps = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    exps = exps * mask.to(scores.dtype)
    return exps / exps.sum(dim=-1, keepdim=True).clamp(min=1e-30)
