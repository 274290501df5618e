# bug: one maximum for all queries together instead of one for each query
import torch
from torch import Tensor


# means: merge-one-maximum-for-all
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    m1, t1, c1 = one
    m2, t2, c2 = other
    largest = max(m1.max(), m2.max())
    nothing = torch.isinf(m1) & torch.isinf(m2)
    maximum = torch.where(nothing, -torch.inf, largest)
    w1 = torch.where(torch.isinf(m1), 0.0, torch.exp(m1 - largest))
    w2 = torch.where(torch.isinf(m2), 0.0, torch.exp(m2 - largest))
    total = w1 * t1 + w2 * t2
    context = w1[:, None] * c1 + w2[:, None] * c2
    return maximum, total, context
