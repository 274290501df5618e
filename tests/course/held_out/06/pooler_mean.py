# bug: the mean over all positions is pooled instead of the state of [CLS]
import torch
from torch import Tensor


# means: pooler-mean
def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.tanh(hidden.mean(dim=1) @ weight.T + bias)
