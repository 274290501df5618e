# bug: pre-norm: LayerNorm is applied to the input of each part instead of to the sum
import torch
import torch.nn.functional as F
from torch import Tensor


# means: layer-pre-norm
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

    normed = norm(hidden, "attention_norm")
    q = cut(linear(normed, "attention.query"))
    k = cut(linear(normed, "attention.key"))
    v = cut(linear(normed, "attention.value"))
    scores = q @ k.transpose(-1, -2) / W**0.5
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    probs = drop(torch.softmax(scores, dim=-1).nan_to_num(0.0), attention_dropout)
    context = (probs @ v).transpose(1, 2).reshape(B, S, D)
    attended = linear(context, "attention.output")
    hidden = hidden + drop(attended, hidden_dropout)
    inner = F.gelu(linear(norm(hidden, "output_norm"), "feed_forward.inner"))
    return hidden + drop(linear(inner, "feed_forward.outer"), hidden_dropout)
