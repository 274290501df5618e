# bug: takes count rows with the row itself and then removes it, so there is one answer too few
import torch
from torch import Tensor


# means: neighbours-one-too-few
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    unit = torch.nn.functional.normalize(table.double(), dim=1)
    sims = unit @ unit[row]
    sims[row] = 2.0
    top = sims.topk(min(count, len(table))).indices.tolist()
    return [i for i in top if i != row]
