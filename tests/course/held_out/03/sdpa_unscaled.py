# bug: scaled_dot_product_attention forgets to divide the scores by sqrt(W)
import torch
from torch import Tensor


# means: attention-without-scale
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    scores = query @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask.bool(), float("-inf"))
    probs = torch.nan_to_num(scores.softmax(dim=-1))
    return probs @ value
