# bug: only the first half is shrunk, as in the running sums; the second is taken to have the new maximum
import torch
from torch import Tensor


# means: merge-second-not-shrunk
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    old_max, old_total, old_context = one
    new_max, new_total, new_context = other
    maximum = torch.maximum(old_max, new_max)
    shrink = torch.where(old_max == -torch.inf, 0.0, torch.exp(old_max - maximum))
    total = old_total * shrink + new_total
    context = old_context * shrink.unsqueeze(-1) + new_context
    return maximum, total, context
