# bug: the decay is taken of the parameter after the Adam step instead of as it was before
import torch
from torch import Tensor


# means: adamw-decay-afterwards
def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    m = 0.9 * first + 0.1 * gradient
    v = 0.999 * second + 0.001 * gradient.square()
    p = parameter - rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    p = p - rate * decay * p
    return p, m, v
