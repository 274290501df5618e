"""Batched products of three dimensions; a mask made of numbers to be added."""

import torch


def attention_scores(query, key):
    batch, heads, size, width = query.shape
    query, key = (x.reshape(batch * heads, size, width) for x in (query, key))
    zeros = torch.zeros(1, 1, 1, dtype=query.dtype)
    scores = torch.baddbmm(zeros, query, key.transpose(1, 2), beta=0, alpha=width**-0.5)
    return scores.view(batch, heads, size, size)


def masked_softmax(scores, mask):
    if mask is None:
        return torch.nn.Softmax(-1)(scores)
    allowed = mask != 0
    bias = torch.zeros(allowed.shape, dtype=scores.dtype)
    bias[~allowed] = torch.finfo(scores.dtype).min / 2
    scores = torch.where(allowed, scores, torch.zeros_like(scores))
    return torch.nn.functional.softmax(scores + bias, -1) * allowed


def scaled_dot_product_attention(query, key, value, mask=None):
    batch, heads, size, width = value.shape
    probs = masked_softmax(attention_scores(query, key), mask)
    context = torch.bmm(probs.view(-1, size, size), value.reshape(-1, size, width))
    return context.unflatten(0, (batch, heads))


def softmax_gradient(probs, gradient):
    size = probs.shape[-1]
    rows, slopes = probs.reshape(-1, size, 1), gradient.reshape(-1, size, 1)
    outer = rows @ rows.transpose(1, 2)
    return torch.baddbmm(rows * slopes, outer, slopes, alpha=-1).view(probs.shape)
