# bug: the mask is float32 instead of int64
import torch
from torch import Tensor


# means: pad-mask-of-floats
def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    n = max(len(s) for s in sequences)
    ids = torch.full((len(sequences), n), pad_id, dtype=torch.long)
    mask = torch.zeros(len(sequences), n)
    for k, s in enumerate(sequences):
        ids[k, : len(s)] = torch.tensor(s, dtype=torch.long)
        mask[k, : len(s)] = 1
    return ids, mask
