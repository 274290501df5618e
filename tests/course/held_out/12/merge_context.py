# bug: only the totals are corrected for the new maximum, the contexts are simply added
import torch
from torch import Tensor


# means: merge-context-not-shrunk
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    maximum = torch.maximum(one[0], other[0])
    safe = torch.where(maximum == -torch.inf, 0, maximum)
    total = one[1] * (one[0] - safe).exp() + other[1] * (other[0] - safe).exp()
    context = one[2] + other[2]
    return maximum, total, context
