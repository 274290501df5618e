# bug: eps is left out; constant rows give NaN
import torch
from torch import Tensor


# means: norm-without-eps
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.pow(2).mean(dim=-1, keepdim=True)
    return centred / variance.sqrt() * weight + bias
