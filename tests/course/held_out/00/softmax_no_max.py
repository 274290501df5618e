# bug: softmax exponentiates the raw logits without subtracting the maximum, so large logits overflow to NaN
import torch
from torch import Tensor


# means: softmax-overflow
def softmax(logits: Tensor) -> Tensor:
    e = torch.exp(logits)
    return e / e.sum(dim=-1, keepdim=True)
