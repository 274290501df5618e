# bug: the tanh is missing
import torch
from torch import Tensor


# means: pooler-no-tanh
def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    cls = hidden[:, 0, :]
    return cls @ weight.transpose(0, 1) + bias
