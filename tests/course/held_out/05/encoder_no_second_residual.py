# bug: the sum with the feed-forward's input is missing: the second LayerNorm is that of the feed-forward's result alone
import torch
import torch.nn.functional as F
from torch import Tensor


# means: layer-without-second-residual
def encoder_layer(
    hidden: Tensor,
    weights: dict[str, Tensor],
    heads: int,
    mask: Tensor | None,
    hidden_dropout: float,
    attention_dropout: float,
) -> Tensor:
    B, S, D = hidden.shape
    W = D // heads

    def linear(x, name):
        return F.linear(x, weights[name + ".weight"], weights[name + ".bias"])

    def norm(x, name):
        return F.layer_norm(x, (D,), weights[name + ".weight"], weights[name + ".bias"], 1e-12)

    def drop(x, p):
        return torch.zeros_like(x) if p == 1 else x

    def cut(x):
        return x.view(B, S, heads, W).transpose(1, 2)

    q = cut(linear(hidden, "attention.query"))
    k = cut(linear(hidden, "attention.key"))
    v = cut(linear(hidden, "attention.value"))
    scores = q @ k.transpose(-1, -2) / W**0.5
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    probs = drop(torch.softmax(scores, dim=-1).nan_to_num(0.0), attention_dropout)
    context = (probs @ v).transpose(1, 2).reshape(B, S, D)
    attended = linear(context, "attention.output")
    x = norm(hidden + drop(attended, hidden_dropout), "attention_norm")
    y = linear(F.gelu(linear(x, "feed_forward.inner")), "feed_forward.outer")
    return norm(drop(y, hidden_dropout), "output_norm")
