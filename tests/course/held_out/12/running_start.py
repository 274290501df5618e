# bug: the maximum starts at -1e4 instead of minus infinity, and stays there if all scores are lower
import torch
from torch import Tensor


# means: running-from-a-low-number
def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    m = scores.new_tensor(-1e4)
    total = scores.new_zeros(())
    out = []
    for tile in scores.split(size):
        m_new = torch.max(m, tile.max())
        total = total * torch.exp(m - m_new) + torch.exp(tile - m_new).sum()
        m = m_new
        out.append((m, total))
    maxima, totals = zip(*out)
    return torch.stack(maxima), torch.stack(totals)
