# bug: weight decay is added to the gradient (Adam with L2) instead of taken off the parameter separately
import torch
from torch import Tensor


# means: adamw-decay-in-gradient
def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    g = gradient + decay * parameter
    m = 0.9 * first + 0.1 * g
    v = 0.999 * second + 0.001 * g * g
    m_hat = m / (1 - 0.9**step)
    v_hat = v / (1 - 0.999**step)
    return parameter - rate * m_hat / (v_hat.sqrt() + 1e-8), m, v
