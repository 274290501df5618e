"""The softmax from exp and a sum; the gradient with numpy; elements multiplied and summed."""

import math

import numpy as np
import torch


def attention_scores(query, key):
    products = query.unsqueeze(3) * key.unsqueeze(2)
    return products.sum(-1).div(math.sqrt(query.size(3)))


def masked_softmax(scores, mask):
    if mask is None:
        mask = torch.ones(scores.shape[-1], dtype=torch.bool)
    mask = mask.bool()
    largest = scores.masked_fill(~mask, -math.inf).amax(-1, keepdim=True)
    largest = largest.masked_fill(largest.isinf(), 0).detach()
    powers = torch.where(mask, scores - largest, -math.inf).exp()
    sums = powers.sum(-1, keepdim=True)
    return powers / torch.where(sums > 0, sums, 1)


def scaled_dot_product_attention(query, key, value, mask=None):
    probs = masked_softmax(attention_scores(query, key), mask)
    return (probs.unsqueeze(-1) * value.unsqueeze(2)).sum(3)


def softmax_gradient(probs, gradient):
    p, g = probs.numpy(), gradient.numpy()
    return torch.from_numpy(p * (g - np.sum(p * g, axis=-1, keepdims=True)))
