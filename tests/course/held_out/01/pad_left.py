# bug: sequences are filled up on the left instead of the right
import torch
from torch import Tensor


# means: pad-on-the-left
def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    s = max(map(len, sequences))
    ids = torch.full((len(sequences), s), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, seq in enumerate(sequences):
        if seq:
            ids[i, -len(seq):] = torch.tensor(seq)
            mask[i, -len(seq):] = 1
    return ids, mask
