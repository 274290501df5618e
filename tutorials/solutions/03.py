"""Chapter 3, Attention with a pencil: model answers."""

import math

import torch
from torch import Tensor


def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    width = query.shape[-1]
    return query @ key.transpose(-2, -1) / math.sqrt(width)


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.softmax(scores, -1)
    hidden = ~mask.bool()
    # Finite, so that a row of nothing else is no 0 / 0; such rows become 0 afterwards.
    lowest = torch.finfo(scores.dtype).min
    return torch.softmax(scores.masked_fill(hidden, lowest), -1).masked_fill(hidden, 0.0)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    probs = masked_softmax(attention_scores(query, key), mask)
    return probs @ value


def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    # Raising one score takes from all shares of its row what they have, and gives it to one.
    expected = (probs * gradient).sum(-1, keepdim=True)
    return probs * (gradient - expected)
