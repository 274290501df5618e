# bug: the heads' results are reshaped to (B, S, D) without swapping heads and places back
import torch
from torch import Tensor


# means: self-merged-by-view
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    B, S, D = hidden.shape
    lin = torch.nn.functional.linear
    q, k, v = [
        lin(hidden, weights[n + ".weight"], weights[n + ".bias"]).view(B, S, heads, -1).transpose(1, 2)
        for n in ["query", "key", "value"]
    ]
    s = q @ k.mT * (D // heads) ** -0.5
    if mask is not None:
        s = torch.where(mask, s, float("-inf"))
    p = s.softmax(-1).nan_to_num()
    context = (p @ v).reshape(B, S, D)
    return lin(context, weights["output.weight"], weights["output.bias"])
