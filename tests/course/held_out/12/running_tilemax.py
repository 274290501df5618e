# bug: the new maximum is that of the tile alone, not the larger of it and the old one
import torch
from torch import Tensor


# means: running-tile-s-maximum
def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maximum = scores.new_tensor(-torch.inf)
    total = scores.new_tensor(0.0)
    maxima, totals = [], []
    for start in range(0, len(scores), size):
        tile = scores[start : start + size]
        new_maximum = tile.max()
        shrink = (maximum - new_maximum).exp()
        total = total * shrink + (tile - new_maximum).exp().sum()
        maximum = new_maximum
        maxima.append(maximum)
        totals.append(total)
    return torch.stack(maxima), torch.stack(totals)
