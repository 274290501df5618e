"""A loop for every sequence, head and query; lists of the keys that are left."""

import math

import torch


def attention_scores(query, key):
    batch, heads, size, width = query.shape
    sequences = []
    for b in range(batch):
        rows = []
        for h in range(heads):
            for q in range(size):
                rows.append((query[b, h, q] * key[b, h]).sum(-1) / math.sqrt(width))
        sequences.append(torch.stack(rows).view(heads, size, size))
    return torch.stack(sequences)


def masked_softmax(scores, mask):
    if mask is None:
        mask = torch.ones_like(scores)
    mask = mask.expand(scores.shape)
    rows = []
    for row, allowed in zip(scores.flatten(0, -2), mask.flatten(0, -2)):
        left = [place for place, yes in enumerate(allowed.tolist()) if yes]
        shares = torch.zeros_like(row)
        if left:
            powers = (row[left] - row[left].max()).exp()
            shares = shares.index_put((torch.tensor(left),), powers / powers.sum())
        rows.append(shares)
    return torch.stack(rows).view(scores.shape)


def scaled_dot_product_attention(query, key, value, mask=None):
    probs = masked_softmax(attention_scores(query, key), mask)
    context = torch.zeros_like(value)
    for place in range(value.shape[2]):
        context = context + probs[..., place : place + 1] * value[:, :, place : place + 1]
    return context


def softmax_gradient(probs, gradient):
    result = torch.zeros_like(probs)
    rows = [x.view(-1, probs.shape[-1]) for x in (result, probs, gradient)]
    for to, share, slope in zip(*rows):
        for i in range(len(share)):
            for j in range(len(share)):
                to[j] += slope[i] * share[i] * (int(i == j) - share[j])
    return result
