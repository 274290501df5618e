# bug: the projections are x @ weight + bias, the weights are not transposed
import torch
from torch import Tensor


# means: self-weights-not-transposed
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    B, S, D = hidden.shape
    w = D // heads
    q, k, v = (
        (hidden @ weights[f"{n}.weight"] + weights[f"{n}.bias"]).view(B, S, heads, w).transpose(1, 2)
        for n in ("query", "key", "value")
    )
    scores = q @ k.transpose(-1, -2) / w**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    probs = scores.softmax(-1).nan_to_num(0.0)
    context = (probs @ v).transpose(1, 2).reshape(B, S, D)
    return context @ weights["output.weight"] + weights["output.bias"]
