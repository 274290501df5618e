"""Chapter 4, Multi-head attention: model answers."""

import math

import torch
from torch import Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    batch, size, hidden = x.shape
    x = x.reshape(batch, size, heads, hidden // heads)
    return x.transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    batch, heads, size, width = x.shape
    x = x.transpose(1, 2)
    return x.reshape(batch, size, heads * width)


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    real = torch.arange(size) < lengths[:, None]  # (B, S)
    return real[:, None, None, :]


def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    query, key, value = (
        split_heads(linear(hidden, name), heads) for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is None:
        probs = torch.softmax(scores, -1)
    else:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        probs = torch.softmax(scores, -1).masked_fill(~mask, 0.0)
    return linear(merge_heads(probs @ value), "output")
