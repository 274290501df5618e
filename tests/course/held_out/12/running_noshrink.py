# bug: the total so far is not corrected when a larger maximum comes
import torch
from torch import Tensor


# means: running-not-shrunk
def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maximum = torch.tensor(-torch.inf, dtype=scores.dtype)
    total = torch.tensor(0.0, dtype=scores.dtype)
    maxima, totals = [], []
    for tile in scores.split(size):
        maximum = torch.maximum(maximum, tile.max())
        total = total + (tile - maximum).exp().sum()
        maxima.append(maximum)
        totals.append(total)
    return torch.stack(maxima), torch.stack(totals)
