# bug: only the diagonal of the Jacobian, p * (1 - p) * gradient, without the cross terms
import torch
from torch import Tensor


# means: gradient-diagonal-only
def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    return gradient * probs * (1 - probs)
