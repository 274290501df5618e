# bug: the decay is not multiplied by the rate
import torch
from torch import Tensor


# means: adamw-decay-without-rate
def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    m = 0.9 * first + (1 - 0.9) * gradient
    v = 0.999 * second + (1 - 0.999) * gradient**2
    mh, vh = m / (1 - 0.9**step), v / (1 - 0.999**step)
    return parameter - rate * mh / (vh.sqrt() + 1e-8) - decay * parameter, m, v
