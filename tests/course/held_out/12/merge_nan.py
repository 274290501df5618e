# bug: where neither half has seen a key, minus infinity is subtracted from itself: NaN in place of 0
import torch
from torch import Tensor


# means: merge-nan
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    m1, t1, c1 = one
    m2, t2, c2 = other
    m = torch.maximum(m1, m2)
    f1 = torch.exp(m1 - m)
    f2 = torch.exp(m2 - m)
    return m, t1 * f1 + t2 * f2, c1 * f1[:, None] + c2 * f2[:, None]
