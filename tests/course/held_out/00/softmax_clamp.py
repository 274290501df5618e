# bug: overflow is avoided by clamping the logits at 80 instead of subtracting the maximum, so different large logits get equal shares
import torch
from torch import Tensor


# means: none
def softmax(logits: Tensor) -> Tensor:
    # exp(88) is about the largest float32, so keep them below it
    safe = torch.clamp(logits, max=80.0)
    exps = safe.exp()
    total = exps.sum(dim=-1, keepdim=True)
    return exps / total
