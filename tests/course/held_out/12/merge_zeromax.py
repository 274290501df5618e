# bug: to avoid NaN the maximum of queries without a key is replaced by 0, and returned so
import torch
from torch import Tensor


# means: merge-0-for-nothing
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    m1, t1, c1 = one
    m2, t2, c2 = other
    m = torch.maximum(m1, m2)
    m[m == -torch.inf] = 0.0
    s1, s2 = torch.exp(m1 - m), torch.exp(m2 - m)
    total = s1 * t1 + s2 * t2
    context = s1.unsqueeze(1) * c1 + s2.unsqueeze(1) * c2
    return m, total, context
