"""A token at a time, and one head after another."""

import math

import torch


def gelu(x):
    if x.ndim == 0:
        return x * (1 + torch.erf(x / math.sqrt(2))) / 2
    return torch.stack([gelu(part) for part in x])


def layer_norm(x, weight, bias, eps):
    if x.ndim > 1:
        return torch.stack([layer_norm(part, weight, bias, eps) for part in x])
    mean = sum(x) / len(x)
    variance = sum((number - mean) ** 2 for number in x) / len(x)
    root = (variance + eps) ** 0.5
    return torch.stack(
        [(x[place] - mean) / root * weight[place] + bias[place] for place in range(len(x))]
    )


def dropout(x, p, keep):
    rows = []
    for row, kept in zip(x, keep):
        numbers = []
        for number, stays in zip(row, kept):
            numbers.append(number / (1 - p) if stays else number * 0)
        rows.append(torch.stack(numbers))
    return torch.stack(rows)


def feed_forward(x, inner_weight, inner_bias, outer_weight, outer_bias):
    if x.ndim > 1:
        others = (inner_weight, inner_bias, outer_weight, outer_bias)
        return torch.stack([feed_forward(part, *others) for part in x])
    inner = torch.stack([row @ x + number for row, number in zip(inner_weight, inner_bias)])
    active = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    return torch.stack([row @ active + number for row, number in zip(outer_weight, outer_bias)])


def encoder_layer(hidden, weights, heads, mask, hidden_dropout, attention_dropout):
    def linear(x, name, rows=slice(None)):
        return x @ weights[f"{name}.weight"][rows].T + weights[f"{name}.bias"][rows]

    def normed(x, name):
        x = x - x.mean(-1, keepdim=True)
        x = x / ((x * x).mean(-1, keepdim=True) + 1e-12).sqrt()
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    sequences = []
    for number, x in enumerate(hidden):
        size, hidden_size = x.shape
        width = hidden_size // heads
        places = list(range(size))
        if mask is not None:
            places = [place for place in places if mask[number, 0, 0, place]]
        contexts = []
        for head in range(heads):
            rows = slice(head * width, head * width + width)
            q, k, v = (linear(x, f"attention.{n}", rows) for n in ("query", "key", "value"))
            context = torch.zeros_like(q)
            if places and attention_dropout == 0:
                shares = torch.softmax(q @ k[places].T / math.sqrt(width), -1)
                context = shares @ v[places]
            contexts.append(context)
        attended = linear(torch.cat(contexts, -1), "attention.output")
        if hidden_dropout == 1:
            attended = attended * 0
        x = normed(x + attended, "attention_norm")
        inner = linear(x, "feed_forward.inner")
        inner = inner * (1 + torch.erf(inner / 2**0.5)) / 2
        transformed = linear(inner, "feed_forward.outer")
        if hidden_dropout == 1:
            transformed = transformed * 0
        sequences.append(normed(x + transformed, "output_norm"))
    return torch.stack(sequences)
