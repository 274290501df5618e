# bug: the gradients given are changed in place
import torch
from torch import Tensor


# means: none
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    total = sum(float((g ** 2).sum()) for g in gradients) ** 0.5
    if total > max_norm:
        for g in gradients:
            g.mul_(max_norm / total)
    return [g for g in gradients]
