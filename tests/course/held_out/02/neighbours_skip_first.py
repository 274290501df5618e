# bug: the row itself is removed by skipping the first of the sorted list, so a copy of the row may be dropped and the row itself stay
import torch
from torch import Tensor


# means: neighbours-first-dropped
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    sims = [float(torch.nn.functional.cosine_similarity(table[i], table[row], dim=0)) for i in range(len(table))]
    order = sorted(range(len(table)), key=lambda i: round(sims[i], 5), reverse=True)
    return order[1 : count + 1]
