# bug: a sequence with no key left gives NaN
import torch
from torch import Tensor


# means: self-nan-rows
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    B, S, D = hidden.shape
    W = D // heads
    qkv = []
    for name in ("query", "key", "value"):
        y = hidden @ weights[name + ".weight"].T + weights[name + ".bias"]
        qkv.append(y.reshape(B, S, heads, W).permute(0, 2, 1, 3))
    q, k, v = qkv
    scores = q @ k.permute(0, 1, 3, 2) / W**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    y = (torch.softmax(scores, -1) @ v).permute(0, 2, 1, 3).reshape(B, S, D)
    return y @ weights["output.weight"].T + weights["output.bias"]
