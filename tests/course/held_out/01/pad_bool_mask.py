# bug: the mask is of dtype bool instead of int64
import torch
from torch import Tensor


# means: pad-mask-of-booleans
def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(s) for s in sequences])
    n = int(lengths.max())
    ids = torch.tensor([list(s) + [pad_id] * (n - len(s)) for s in sequences], dtype=torch.int64)
    mask = torch.arange(n)[None, :] < lengths[:, None]
    return ids, mask
