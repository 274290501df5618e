# bug: an epsilon of 1e-3 is added to the lengths, so cosines of short rows come out too small
import torch
from torch import Tensor


# means: none
def cosine_similarity(rows: Tensor) -> Tensor:
    unit = rows / (rows.norm(dim=1, keepdim=True) + 1e-3)
    return unit @ unit.T
