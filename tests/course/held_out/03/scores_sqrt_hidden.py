# bug: divided by the square root of the whole hidden size H * W instead of the head's W
import torch
from torch import Tensor


# means: scores-by-hidden-width
def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    B, H, S, W = query.shape
    return query @ key.mT / (H * W) ** 0.5
