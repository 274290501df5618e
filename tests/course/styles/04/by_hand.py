"""The softmax from exp and a sum, linear layers from products; index tables for the heads."""

import torch


def split_heads(x, heads):
    places = torch.arange(x.shape[-1]).view(heads, -1)
    return x[:, :, places].permute(0, 2, 1, 3)


def merge_heads(x):
    batch, heads, size, width = x.shape
    places = torch.arange(heads * width)
    return x[:, places // width, :, places % width].permute(1, 2, 0)


def padding_mask(lengths, size):
    rows = [[[[place < length for place in range(size)]]] for length in lengths.tolist()]
    return torch.tensor(rows)


def self_attention(hidden, weights, heads, mask):
    def linear(x, name):
        return (x.unsqueeze(-2) * weights[name + ".weight"]).sum(-1) + weights[name + ".bias"]

    query, key, value = (split_heads(linear(hidden, n), heads) for n in ("query", "key", "value"))
    scores = query.matmul(key.swapaxes(-1, -2)).div(query.shape[-1] ** 0.5)
    powers = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    if mask is not None:
        powers = powers * mask
    sums = powers.sum(-1, keepdim=True)
    context = powers.matmul(value) / sums.where(sums != 0, torch.ones_like(sums))
    return linear(merge_heads(context), "output")
