# bug: -10000 is added to masked scores, which is not enough when the scores are very large or small, and a fully masked row is not 0
import torch
from torch import Tensor


# means: mask-added-minus-10000
def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return scores.softmax(-1)
    extended = (1.0 - mask.to(scores.dtype)) * -10000.0
    return (scores + extended).softmax(dim=-1)
