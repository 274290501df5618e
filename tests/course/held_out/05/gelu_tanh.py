# bug: the tanh approximation is used instead of erf
import math

import torch
from torch import Tensor


# means: gelu-tanh
def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
