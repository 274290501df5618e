# bug: mean and variance are those of the whole tensor, not of each row
import torch
from torch import Tensor


# means: norm-over-everything
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    mean, variance = x.mean(), x.var(unbiased=False)
    return (x - mean) / (variance + eps) ** 0.5 * weight + bias
