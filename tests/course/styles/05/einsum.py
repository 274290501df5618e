"""einsum for every product and every mean."""

import torch


def gelu(x):
    return x / 2 * torch.erfc(-x * 0.5**0.5)


def layer_norm(x, weight, bias, eps):
    mean = torch.einsum("...d->...", x) / x.shape[-1]
    centred = x - mean[..., None]
    variance = torch.einsum("...d,...d->...", centred, centred) / x.shape[-1]
    return torch.einsum("...d,...,d->...d", centred, (variance + eps) ** -0.5, weight) + bias


def dropout(x, p, keep):
    if p == 1.0:
        return x * 0
    return torch.einsum("...,...->...", x, keep.to(x.dtype)) / (1 - p)


def feed_forward(x, inner_weight, inner_bias, outer_weight, outer_bias):
    inner = torch.einsum("...d,fd->...f", x, inner_weight) + inner_bias
    return torch.einsum("...f,df->...d", gelu(inner), outer_weight) + outer_bias


def encoder_layer(hidden, weights, heads, mask, hidden_dropout, attention_dropout):
    def part(name, letters):
        weight = weights[f"attention.{name}.weight"].unflatten(0, (heads, -1))
        bias = weights[f"attention.{name}.bias"].unflatten(0, (heads, -1))
        return torch.einsum("bsd,hwd->" + letters, hidden, weight) + bias.unsqueeze(-2)

    query, key, value = (part(name, "bhsw") for name in ("query", "key", "value"))
    scores = torch.einsum("bhqw,bhkw->bhqk", query, key) / query.shape[-1] ** 0.5
    powers = torch.exp(scores - scores.amax(-1, keepdim=True))
    if mask is not None:
        powers = powers * mask
    probs = powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)
    probs = probs * (1 - attention_dropout)
    context = torch.einsum("bhqk,bhkw->bqhw", probs, value).flatten(2)
    output = torch.einsum("bsd,ed->bse", context, weights["attention.output.weight"])
    output = (output + weights["attention.output.bias"]) * (1 - hidden_dropout)
    first = layer_norm(
        hidden + output, weights["attention_norm.weight"], weights["attention_norm.bias"], 1e-12
    )
    second = feed_forward(
        first,
        weights["feed_forward.inner.weight"],
        weights["feed_forward.inner.bias"],
        weights["feed_forward.outer.weight"],
        weights["feed_forward.outer.bias"],
    )
    return layer_norm(
        first + second * (1 - hidden_dropout),
        weights["output_norm.weight"],
        weights["output_norm.bias"],
        1e-12,
    )
