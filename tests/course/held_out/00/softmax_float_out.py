# bug: the result is always float32, so float64 logits lose their dtype
import torch
from torch import Tensor


# means: none
def softmax(logits: Tensor) -> Tensor:
    x = logits.float()
    x = x - x.amax(dim=-1, keepdim=True)
    return x.exp() / x.exp().sum(dim=-1, keepdim=True)
