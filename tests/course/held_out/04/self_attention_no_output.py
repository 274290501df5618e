# bug: the output projection is missing
import torch
import torch.nn.functional as F
from torch import Tensor


# means: self-without-output
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    B, S, D = hidden.shape

    def project(name):
        y = F.linear(hidden, weights[name + ".weight"], weights[name + ".bias"])
        return y.reshape(B, S, heads, D // heads).permute(0, 2, 1, 3)

    q, k, v = project("query"), project("key"), project("value")
    scores = torch.einsum("bhqw,bhkw->bhqk", q, k) / (D // heads) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    p = torch.nan_to_num(torch.softmax(scores, dim=-1))
    out = torch.einsum("bhqk,bhkw->bhqw", p, v)
    return out.permute(0, 2, 1, 3).reshape(B, S, D)
