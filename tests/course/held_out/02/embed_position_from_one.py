# bug: places count from 1 instead of 0 (the last place clamped to the table's end)
import torch
from torch import Tensor


# means: positions-from-one
def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    B, S = input_ids.shape
    positions = torch.arange(1, S + 1).clamp(max=position_table.shape[0] - 1)
    return (
        torch.nn.functional.embedding(input_ids, token_table)
        + torch.nn.functional.embedding(positions, position_table)
        + torch.nn.functional.embedding(token_type_ids, segment_table)
    )
