# bug: the factor that corrects the old total has the wrong sign: exp(new - old) for exp(old - new)
import torch
from torch import Tensor


# means: running-factor-upside-down
def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    first, *others = scores.split(size)
    m = first.max()
    z = torch.exp(first - m).sum()
    ms, zs = [m], [z]
    for tile in others:
        new = torch.maximum(m, tile.max())
        z = z * torch.exp(new - m) + torch.exp(tile - new).sum()
        m = new
        ms.append(m)
        zs.append(z)
    return torch.stack(ms), torch.stack(zs)
