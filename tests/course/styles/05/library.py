"""torch's own functions wherever they are allowed, modules among them."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def gelu(x):
    return x * torch.special.ndtr(x)


def layer_norm(x, weight, bias, eps):
    variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return torch.addcmul(bias, (x - mean) * torch.rsqrt(variance + eps), weight)


def dropout(x, p, keep):
    return x.masked_fill(~keep, 0) / (1 - p if p < 1 else 1)


def feed_forward(x, inner_weight, inner_bias, outer_weight, outer_bias):
    return F.linear(F.gelu(F.linear(x, inner_weight, inner_bias)), outer_weight, outer_bias)


def encoder_layer(hidden, weights, heads, mask, hidden_dropout, attention_dropout):
    width = hidden.shape[-1]

    def linear(x, name):
        return F.linear(x, weights[name + ".weight"], weights[name + ".bias"])

    def norm(x, name):
        return F.layer_norm(x, (width,), weights[name + ".weight"], weights[name + ".bias"], 1e-12)

    hidden_drop, attention_drop = nn.Dropout(hidden_dropout), nn.Dropout(attention_dropout)
    query, key, value = (
        linear(hidden, f"attention.{name}").unflatten(-1, (heads, -1)).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    scores = query @ key.mT / math.sqrt(width // heads)
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e30)
    probs = F.softmax(scores, dim=-1)
    if mask is not None:
        probs = probs * mask
    context = (attention_drop(probs) @ value).transpose(1, 2).flatten(2)
    x = norm(hidden + hidden_drop(linear(context, "attention.output")), "attention_norm")
    inner = F.gelu(linear(x, "feed_forward.inner"))
    return norm(x + hidden_drop(linear(inner, "feed_forward.outer")), "output_norm")
