# bug: results are made from Python numbers in torch's default dtype, not in that of the scores
import math

import torch
from torch import Tensor


# means: none
def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maximum, total = -math.inf, 0.0
    maxima, totals = [], []
    for start in range(0, len(scores), size):
        tile = scores[start : start + size].tolist()
        new = max(maximum, *tile)
        total = total * math.exp(maximum - new) + sum(math.exp(s - new) for s in tile)
        maximum = new
        maxima.append(maximum)
        totals.append(total)
    return torch.tensor(maxima), torch.tensor(totals)
