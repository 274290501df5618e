# bug: the mask is transposed and laid over the queries instead of the keys: rows of padded queries are hidden, their keys still attended to
import torch
from torch import Tensor


# means: attention-values-masked
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask.bool().transpose(-1, -2), float("-inf"))
    return torch.softmax(scores, dim=-1).nan_to_num() @ value
