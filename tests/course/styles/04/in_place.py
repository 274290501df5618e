"""Empty tensors, filled slice by slice; changes in place of one's own tensors."""

import torch


def split_heads(x, heads):
    batch, size, hidden = x.shape
    width = hidden // heads
    result = x.new_empty(batch, heads, size, width)
    for head in range(heads):
        result[:, head] = x[:, :, head * width : head * width + width]
    return result


def merge_heads(x):
    batch, heads, size, width = x.shape
    result = x.new_zeros(batch, size, heads * width)
    for head in range(heads):
        result[:, :, head * width : (head + 1) * width] += x[:, head]
    return result


def padding_mask(lengths, size):
    mask = torch.ones(lengths.numel(), 1, 1, size, dtype=torch.bool)
    mask &= torch.arange(1, size + 1) <= lengths.reshape(-1, 1, 1, 1)
    return mask


def self_attention(hidden, weights, heads, mask):
    three = []
    for name in ("query", "key", "value"):
        x = torch.matmul(hidden, weights[f"{name}.weight"].t())
        x += weights[f"{name}.bias"]
        three.append(split_heads(x, heads))
    query, key, value = three
    query *= query.size(-1) ** -0.5
    scores = query @ key.transpose(2, 3)
    if mask is not None:
        scores.masked_fill_(mask.logical_not(), torch.finfo(scores.dtype).min)
    probs = scores.softmax(3)
    if mask is not None:
        probs = probs.masked_fill(mask.logical_not(), 0)
    result = merge_heads(probs @ value) @ weights["output.weight"].t()
    result += weights["output.bias"]
    return result
