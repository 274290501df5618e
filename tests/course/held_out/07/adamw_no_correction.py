# bug: the moments are not corrected by 1 - beta**step
import torch
from torch import Tensor


# means: adamw-uncorrected
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
    update = first / (second.sqrt() + 1e-8) + decay * parameter
    return parameter - rate * update, first, second
