# bug: the scores are not divided by sqrt(W)
import torch
from torch import Tensor


# means: scores-without-scale
def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.transpose(-2, -1)
