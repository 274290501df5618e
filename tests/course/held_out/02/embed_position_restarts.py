# bug: places restart from 0 at the second segment instead of counting through the whole sequence
import torch
from torch import Tensor


# means: none
def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    rows = []
    for ids, types in zip(input_ids, token_type_ids):
        vectors = []
        place = 0
        before = None
        for i, t in zip(ids.tolist(), types.tolist()):
            if before is not None and t != before:
                place = 0
            vectors.append(token_table[i] + position_table[place] + segment_table[t])
            place += 1
            before = t
        rows.append(torch.stack(vectors))
    return torch.stack(rows)
