# bug: the merged context is divided by the merged total, which should be left for later
import torch
from torch import Tensor


# means: merge-divided
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    maximum = torch.maximum(one[0], other[0])
    total = torch.zeros_like(one[1])
    context = torch.zeros_like(one[2])
    for half_maximum, half_total, half_context in (one, other):
        factor = torch.exp(half_maximum - maximum).nan_to_num(0.0)
        total = total + factor * half_total
        context = context + factor[:, None] * half_context
    context = torch.where(total[:, None] > 0, context / total[:, None], 0.0)
    return maximum, total, context
