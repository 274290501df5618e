# bug: the correction factors are mixed up: each half is multiplied by that of the other
import torch
from torch import Tensor


# means: none
def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    (m_a, l_a, o_a), (m_b, l_b, o_b) = one, other
    m = torch.maximum(m_a, m_b)
    ref = m.masked_fill(m == float("-inf"), 0.0)
    a = torch.exp(m_a - ref)
    b = torch.exp(m_b - ref)
    l_new = b * l_a + a * l_b
    o_new = b[:, None] * o_a + a[:, None] * o_b
    return m, l_new, o_new
