# bug: one place too many is real: <= instead of <
import torch
from torch import Tensor


# means: padding-one-too-many
def padding_mask(lengths: Tensor, size: int) -> Tensor:
    places = torch.arange(size)
    return (places[None, :] <= lengths[:, None])[:, None, None, :]
