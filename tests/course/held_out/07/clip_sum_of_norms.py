# bug: the norms of the tensors are added up instead of the root of the sum of their squares
import torch
from torch import Tensor


# means: clip-sum-of-norms
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    total = sum(g.norm().item() for g in gradients)
    factor = min(1.0, max_norm / total) if total > 0 else 1.0
    return [g * factor for g in gradients]
