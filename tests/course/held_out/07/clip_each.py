# bug: each tensor is clipped by its own norm instead of the norm of all together
import torch
from torch import Tensor


# means: clip-each-tensor
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    result = []
    for g in gradients:
        n = g.norm()
        result.append(g * (max_norm / n) if n > max_norm else g.clone())
    return result
