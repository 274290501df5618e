# bug: the mask is made of int64 ones and zeros instead of booleans
import torch
from torch import Tensor


# means: padding-whole-numbers
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    rows = [[1] * int(n) + [0] * (size - int(n)) for n in lengths]
    return torch.tensor(rows)[:, None, None, :]
