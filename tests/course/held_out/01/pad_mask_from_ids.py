# bug: the mask is computed as ids != pad_id, so real tokens whose id is pad_id are masked out
import torch
from torch import Tensor


# means: pad-mask-from-padding-id
def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    longest = max(len(s) for s in sequences)
    ids = torch.tensor([s + [pad_id] * (longest - len(s)) for s in sequences], dtype=torch.int64)
    mask = (ids != pad_id).long()
    return ids, mask
