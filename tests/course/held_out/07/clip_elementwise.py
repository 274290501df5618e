# bug: every number is clamped to -max_norm..max_norm, which changes the direction
import torch
from torch import Tensor


# means: clip-values
def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    return [torch.clamp(g, -max_norm, max_norm) for g in gradients]
