# bug: the corrected moments are returned to be kept, instead of the uncorrected ones
import torch
from torch import Tensor


# means: adamw-corrected-kept
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
    first = first / (1 - 0.9**step)
    second = second / (1 - 0.999**step)
    new = parameter - rate * (first / (torch.sqrt(second) + 1e-8) + decay * parameter)
    return new, first, second
