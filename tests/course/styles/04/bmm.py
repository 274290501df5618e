"""Heads laid into the batch; one product for query, key and value; a mask of numbers to add."""

import math

import torch
from torch.nn import functional as F


def split_heads(x, heads):
    return torch.stack(x.chunk(heads, dim=-1), dim=1)


def merge_heads(x):
    return torch.cat(x.unbind(1), -1)


def padding_mask(lengths, size):
    return (torch.arange(size)[None, :] < lengths[:, None]).unsqueeze(1).unsqueeze(1)


def self_attention(hidden, weights, heads, mask):
    batch, size, width = hidden.shape
    names = ("query", "key", "value")
    weight = torch.cat([weights[f"{name}.weight"] for name in names])
    bias = torch.cat([weights[f"{name}.bias"] for name in names])
    joint = F.linear(hidden, weight, bias).view(batch, size, 3, heads, width // heads)
    query, key, value = joint.permute(2, 0, 3, 1, 4).reshape(3, batch * heads, size, -1)
    bias = torch.zeros(batch, 1, 1, size, dtype=hidden.dtype)
    if mask is not None:
        bias = bias.masked_fill(~mask, -1e30)
    bias = bias.expand(batch, heads, size, size).reshape(-1, size, size)
    scores = torch.baddbmm(bias, query, key.mT, alpha=1 / math.sqrt(width / heads))
    context = torch.bmm(scores.softmax(-1), value).view(batch, heads, size, -1)
    if mask is not None:
        context = context * mask.any(-1, keepdim=True)
    return F.linear(merge_heads(context), weights["output.weight"], weights["output.bias"])
