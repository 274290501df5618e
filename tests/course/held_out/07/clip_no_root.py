# bug: the root is missing: the squared norm is used as the norm
import torch
from torch import Tensor


# means: clip-squared-norm
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    squares = sum(g.pow(2).sum().item() for g in gradients)
    if squares <= max_norm:
        return [g.clone() for g in gradients]
    return [g * (max_norm / squares) for g in gradients]
