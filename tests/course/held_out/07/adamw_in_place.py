# bug: the arguments first and second are changed in place
import torch
from torch import Tensor


# means: none
def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    first.mul_(0.9).add_(gradient, alpha=0.1)
    second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    m = first / (1 - 0.9**step)
    v = second / (1 - 0.999**step)
    return parameter - rate * (m / (v.sqrt() + 1e-8) + decay * parameter), first, second
