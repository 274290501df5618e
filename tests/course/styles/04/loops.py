"""One head after another."""

import math

import torch


def split_heads(x, heads):
    width = x.shape[-1] // heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(heads)], dim=1)


def merge_heads(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


def padding_mask(lengths, size):
    mask = torch.zeros(len(lengths), 1, 1, size, dtype=torch.bool)
    for row, length in enumerate(lengths):
        mask[row, 0, 0, :length] = True
    return mask


def self_attention(hidden, weights, heads, mask):
    batch, size, hidden_size = hidden.shape
    width = hidden_size // heads
    results = []
    for b in range(batch):
        keys = range(size) if mask is None else mask[b, 0, 0].nonzero()[:, 0].tolist()
        keys = list(keys)
        contexts = []
        for h in range(heads):
            rows = slice(h * width, (h + 1) * width)
            query, key, value = (
                hidden[b] @ weights[name + ".weight"][rows].T + weights[name + ".bias"][rows]
                for name in ("query", "key", "value")
            )
            if keys:
                probs = torch.softmax(query @ key[keys].T / math.sqrt(width), dim=1)
                contexts.append(probs @ value[keys])
            else:
                contexts.append(torch.zeros_like(query))
        context = torch.cat(contexts, 1)
        results.append(context @ weights["output.weight"].T + weights["output.bias"])
    return torch.stack(results)
