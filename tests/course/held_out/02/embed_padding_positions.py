# bug: tokens of id 0 are taken for padding and get no position (places count only tokens with id other than 0)
import torch
from torch import Tensor


# means: positions-of-real-tokens
def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    real = (input_ids != 0).long()
    places = (real.cumsum(dim=1) - 1).clamp(min=0)
    return token_table[input_ids] + position_table[places] + segment_table[token_type_ids]
