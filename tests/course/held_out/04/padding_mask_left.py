# bug: the last lengths[b] places are True, as if the padding were on the left
import torch
from torch import Tensor


# means: padding-on-the-left
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    mask = torch.zeros(len(lengths), 1, 1, size, dtype=torch.bool)
    for b, n in enumerate(lengths.tolist()):
        mask[b, 0, 0, size - n :] = True
    return mask
