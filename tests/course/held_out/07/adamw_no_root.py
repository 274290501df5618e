# bug: divides by the corrected second moment, without the root
import torch
from torch import Tensor


# means: adamw-no-root
def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    a = first / (1 - 0.9**step)
    b = second / (1 - 0.999**step)
    return parameter - rate * (a / (b + 1e-8) + decay * parameter), first, second
