# bug: divided by W instead of its square root
import torch
from torch import Tensor


# means: scores-by-width
def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bhqw,bhkw->bhqk", query, key) / query.size(-1)
