# bug: the mask is accepted but never used
import torch
from torch import Tensor


# means: attention-mask-ignored
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    scores = torch.einsum("bhqw,bhkw->bhqk", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("bhqk,bhkw->bhqw", scores.softmax(-1), value)
