# bug: eps is added to the standard deviation outside the root instead of to the variance
import torch
from torch import Tensor


# means: norm-eps-outside-root
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    mu = x.mean(-1, keepdim=True)
    sigma = ((x - mu) ** 2).mean(-1, keepdim=True).sqrt()
    return weight * (x - mu) / (sigma + eps) + bias
