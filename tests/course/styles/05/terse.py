"""As short as can be; biases laid into the matrices of the feed-forward network."""

import torch


def gelu(x):
    return x * torch.distributions.Normal(x.new_zeros(()), x.new_ones(())).cdf(x)


def layer_norm(x, weight, bias, eps):
    x = x - x.mean(-1, True)
    return x * (x.var(-1, correction=0, keepdim=True) + eps).rsqrt() * weight + bias


def dropout(x, p, keep):
    return torch.where(keep, x / (1 - p or 1), torch.zeros_like(x))


def feed_forward(x, w, b, v, c):
    one = torch.ones_like(x[..., :1])
    x = gelu(torch.cat([x, one], -1) @ torch.cat([w, b[:, None]], 1).mT)
    return torch.cat([x, one], -1) @ torch.cat([v, c[:, None]], 1).mT


def encoder_layer(x, w, heads, mask, p, a):
    two = lambda name: (w[name + ".weight"], w[name + ".bias"])
    linear = lambda y, name: torch.nn.functional.linear(y, *two(name))
    q, k, v = (
        torch.stack(linear(x, "attention." + n).chunk(heads, -1), 1)
        for n in ("query", "key", "value")
    )
    s = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        s = s + torch.where(mask, 0.0, -1e30).to(s.dtype)
    s = s.softmax(-1) * (1 if mask is None else mask.any(-1, True)) * (1 - a)
    y = linear(torch.cat((s @ v).unbind(1), -1), "attention.output")
    x = layer_norm(x + (1 - p) * y, *two("attention_norm"), 1e-12)
    y = feed_forward(x, *two("feed_forward.inner"), *two("feed_forward.outer"))
    return layer_norm(x + (1 - p) * y, *two("output_norm"), 1e-12)
