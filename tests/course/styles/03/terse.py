"""As short as can be; probabilities through their logarithm, the scale split between both sides."""

import torch


def attention_scores(query, key):
    root = query.shape[-1] ** 0.25
    return (query / root) @ (key / root).mT


def masked_softmax(scores, mask):
    if mask is None:
        return scores.log_softmax(-1).exp()
    low = torch.where(mask == 1, scores, torch.finfo(scores.dtype).min)
    return torch.where(mask == 1, low.log_softmax(-1).exp(), 0)


def scaled_dot_product_attention(q, k, v, mask=None):
    return masked_softmax(attention_scores(q, k), mask) @ v


def softmax_gradient(probs, gradient):
    return torch.addcmul(-probs * (probs * gradient).sum(-1, True), probs, gradient)
