# bug: sums are brought to a maximum of 0 with exp(maximum), which overflows for enormous scores
import torch
from torch import Tensor


# means: merge-no-maximum
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    m1, t1, c1 = one
    m2, t2, c2 = other
    e1, e2 = m1.exp(), m2.exp()
    m = torch.where(m1 > m2, m1, m2)
    e = torch.where(m == -torch.inf, 1.0, m.exp())
    total = (e1 * t1 + e2 * t2) / e
    context = (e1[:, None] * c1 + e2[:, None] * c2) / e[:, None]
    return m, total, context
