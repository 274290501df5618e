# bug: only the chance (the normal distribution function) is returned, not multiplied by x
import torch
from torch import Tensor


# means: gelu-chance-only
def gelu(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / 2**0.5))
