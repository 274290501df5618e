# bug: gradients that are shorter than max_norm are lengthened to it too
import torch
from torch import Tensor


# means: clip-stretches
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    if not gradients:
        return []
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    if norm == 0:
        return [g.clone() for g in gradients]
    return [g * max_norm / norm for g in gradients]
