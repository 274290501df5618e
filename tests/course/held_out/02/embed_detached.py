# bug: the tables are read through .data / detach, so no gradient reaches them
import torch
from torch import Tensor


# means: embeddings-detached
def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    tok = torch.nn.Embedding.from_pretrained(token_table)
    pos = torch.nn.Embedding.from_pretrained(position_table)
    seg = torch.nn.Embedding.from_pretrained(segment_table)
    where = torch.arange(input_ids.size(1)).unsqueeze(0)
    return tok(input_ids) + pos(where) + seg(token_type_ids)
