"""einsum, and weights cut into heads instead of hidden states."""

import torch


def split_heads(x, heads):
    return torch.einsum("bshw->bhsw", x.unflatten(2, (heads, x.shape[2] // heads)))


def merge_heads(x):
    return torch.einsum("bhsw->bshw", x).reshape(x.shape[0], x.shape[2], -1)


def padding_mask(lengths, size):
    return torch.arange(size).lt(lengths.view(-1, 1, 1, 1))


def self_attention(hidden, weights, heads, mask):
    def project(name):
        weight = weights[f"{name}.weight"].unflatten(0, (heads, -1))  # (H, W, D)
        bias = weights[f"{name}.bias"].unflatten(0, (heads, -1))
        return torch.einsum("bsd,hwd->bhsw", hidden, weight) + bias[:, None]

    query, key, value = project("query"), project("key"), project("value")
    scores = torch.einsum("bhqw,bhkw->bhqk", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        empty = ~mask.any(-1, keepdim=True)
        scores = scores.masked_fill(~(mask | empty), -torch.inf)
    probs = scores.softmax(-1)
    if mask is not None:
        probs = probs * ~empty
    output = weights["output.weight"].unflatten(1, (heads, -1))  # (D, H, W)
    return torch.einsum("bhqk,bhkw,dhw->bqd", probs, value, output) + weights["output.bias"]
