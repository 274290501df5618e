# bug: x is not divided by sqrt(2) inside erf
import torch
from torch import Tensor


# means: gelu-without-root
def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1.0 + torch.erf(x))
