# bug: the approximation x * sigmoid(1.702 x) is used instead of erf
import torch
from torch import Tensor


# means: gelu-sigmoid
def gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)
