# bug: the mask is applied after the softmax without renormalising, so the shares left do not add up to one
import torch
from torch import Tensor


# means: mask-after-softmax
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    probs = torch.nn.functional.softmax(scores, dim=-1)
    if mask is not None:
        probs = probs * mask.to(probs.dtype)
    return probs
