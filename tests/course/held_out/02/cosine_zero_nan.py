# bug: a row of zeros gives NaN, as the length 0 is divided by
import torch
from torch import Tensor


# means: cosine-nan
def cosine_similarity(rows: Tensor) -> Tensor:
    norms = rows.norm(dim=1, keepdim=True)
    return (rows @ rows.T) / (norms * norms.T)
