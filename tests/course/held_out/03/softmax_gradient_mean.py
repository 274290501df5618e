# bug: the gradient's plain mean is subtracted, instead of the mean weighted by probs
import torch
from torch import Tensor


# means: gradient-plain-mean
def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    centred = gradient - gradient.mean(dim=-1, keepdim=True)
    return probs * centred
