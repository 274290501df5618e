# bug: the sum of probs * gradient is over the whole tensor instead of each row of the last dimension
import torch
from torch import Tensor


# means: gradient-sum-of-everything
def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    inner = (probs * gradient).sum()
    return probs * (gradient - inner)
