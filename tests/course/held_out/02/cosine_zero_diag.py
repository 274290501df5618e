# bug: the diagonal is set to 1 throughout, also for a row of zeros, whose cosine with itself should be 0
import torch
from torch import Tensor


# means: none
def cosine_similarity(rows: Tensor) -> Tensor:
    n = rows.norm(dim=-1, keepdim=True)
    unit = torch.where(n > 0, rows / n, torch.zeros_like(rows))
    result = unit @ unit.T
    result.fill_diagonal_(1.0)
    return result
