# bug: sorted by Euclidean distance instead of the cosine
import torch
from torch import Tensor


# means: neighbours-by-distance
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    distances = (table - table[row]).norm(dim=1)
    ranked = sorted((d, i) for i, d in enumerate(distances.tolist()) if i != row)
    return [i for _, i in ranked[:count]]
