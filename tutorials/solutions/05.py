"""Chapter 5, One encoder layer: model answers."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor) -> Tensor:
    chance = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return x * chance


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias


def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    if p == 1:
        return torch.zeros_like(x)
    return x * keep / (1 - p)


def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    inner = gelu(x @ inner_weight.T + inner_bias)
    return inner @ outer_weight.T + outer_bias


def encoder_layer(
    hidden: Tensor,
    weights: dict[str, Tensor],
    heads: int,
    mask: Tensor | None,
    hidden_dropout: float,
    attention_dropout: float,
) -> Tensor:
    def drop(x: Tensor, p: float) -> Tensor:  # p is 0 or 1
        return x * (1 - p)

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    def cut(x: Tensor) -> Tensor:  # (B, S, D) -> (B, H, S, W)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    query, key, value = (
        cut(linear(hidden, f"attention.{name}")) for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is None:
        probs = torch.softmax(scores, -1)
    else:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        probs = torch.softmax(scores, -1).masked_fill(~mask, 0.0)
    context = drop(probs, attention_dropout) @ value
    context = context.transpose(1, 2).flatten(2)  # (B, H, S, W) -> (B, S, D)

    attended = drop(linear(context, "attention.output"), hidden_dropout)
    hidden = norm(hidden + attended, "attention_norm")

    transformed = linear(gelu(linear(hidden, "feed_forward.inner")), "feed_forward.outer")
    return norm(hidden + drop(transformed, hidden_dropout), "output_norm")
