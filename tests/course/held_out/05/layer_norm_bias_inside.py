# bug: weight multiplies the bias too: (normed + bias) * weight
import torch
from torch import Tensor


# means: norm-bias-first
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return ((x - mean) * torch.rsqrt(var + eps) + bias) * weight
