# bug: divided by the square root of S, the length of the sequence, instead of W
import math

import torch
from torch import Tensor


# means: scores-by-length
def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    d = key.transpose(-1, -2).size(-1)
    return torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(d)
