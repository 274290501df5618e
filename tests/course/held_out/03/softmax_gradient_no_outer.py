# bug: the factor probs in front is missing: gradient - sum(probs * gradient)
import torch
from torch import Tensor


# means: gradient-not-multiplied
def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    return gradient - (probs * gradient).sum(dim=-1, keepdim=True)
