# bug: the least similar rows come first (sorted ascending)
import torch
from torch import Tensor


# means: neighbours-worst-first
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    unit = torch.nn.functional.normalize(table, dim=1)
    sims = unit @ unit[row]
    return [i for i in torch.argsort(sims).tolist() if i != row][:count]
