# bug: always fills up with 0, pad_id is ignored
import torch
from torch import Tensor


# means: pad-with-0
def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in sequences)
    ids = torch.zeros(len(sequences), width, dtype=torch.long)
    mask = torch.zeros(len(sequences), width, dtype=torch.long)
    for i, row in enumerate(sequences):
        for j, token in enumerate(row):
            ids[i, j] = token
            mask[i, j] = 1
    return ids, mask
