# bug: the segment embedding is left out of the sum
import torch
from torch import Tensor


# means: segments-ignored
def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    s = input_ids.shape[1]
    return token_table[input_ids] + position_table[:s]
