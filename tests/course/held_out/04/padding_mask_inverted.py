# bug: True marks the padding instead of the real tokens
import torch
from torch import Tensor


# means: padding-inverted
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    mask = torch.arange(size).unsqueeze(0) >= lengths.unsqueeze(1)
    return mask.view(len(lengths), 1, 1, size)
