# bug: masked scores are multiplied by the mask, that is set to 0, and so still take part in the softmax with exp(0) = 1
import torch
from torch import Tensor


# means: mask-zero-scores
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        scores = scores * mask
    shares = torch.softmax(scores, dim=-1)
    if mask is not None:
        shares = torch.where(mask.bool().any(-1, keepdim=True), shares, 0.0)
    return shares
