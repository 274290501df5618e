# bug: softmax normalises over dimension 1 (falling back to 0 for vectors) instead of the last dimension, wrong for three or more dimensions
import torch
from torch import Tensor


# means: softmax-second-dimension
def softmax(logits: Tensor) -> Tensor:
    dim = 1 if logits.dim() > 1 else 0
    shifted = logits - logits.max(dim=dim, keepdim=True).values
    exps = torch.exp(shifted)
    return exps / exps.sum(dim=dim, keepdim=True)
