# bug: copies of the row are excluded as well as the row itself
import torch
from torch import Tensor


# means: none
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    unit = torch.nn.functional.normalize(table, dim=1)
    sims = unit @ unit[row]
    order = sims.argsort(descending=True, stable=True).tolist()
    return [i for i in order if not torch.equal(table[i], table[row])][:count]
