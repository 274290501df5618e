# bug: mean and variance are taken over the first dimension, as in batch normalisation
import torch
from torch import Tensor


# means: norm-over-batch
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    m = x.mean(dim=0, keepdim=True)
    v = x.var(dim=0, keepdim=True, unbiased=False)
    return (x - m) / torch.sqrt(v + eps) * weight + bias
