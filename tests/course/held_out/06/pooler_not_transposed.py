# bug: multiplies with weight instead of its transpose
import torch
from torch import Tensor


# means: pooler-weight-untransposed
def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (hidden[:, 0] @ weight + bias).tanh()
