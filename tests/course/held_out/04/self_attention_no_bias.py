# bug: the query, key and value projections leave out their biases
import torch
from torch import Tensor


# means: none
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    B, S, D = hidden.shape
    W = D // heads

    def cut(t):
        return t.view(B, S, heads, W).transpose(1, 2)

    q = cut(hidden @ weights["query.weight"].T)
    k = cut(hidden @ weights["key.weight"].T)
    v = cut(hidden @ weights["value.weight"].T)
    scores = q @ k.transpose(-2, -1) / W**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    probs = torch.nan_to_num(scores.softmax(dim=-1), nan=0.0)
    merged = (probs @ v).transpose(1, 2).flatten(2)
    return merged @ weights["output.weight"].T + weights["output.bias"]
