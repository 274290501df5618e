"""In place, on tensors of one's own."""

import math

import torch


def gelu(x):
    chance = torch.erf(x / math.sqrt(2))
    chance = chance.add(1).mul(0.5)
    return chance.mul_(x)


def layer_norm(x, weight, bias, eps):
    y = x.clone()
    y -= x.mean(-1, keepdim=True)
    spread = (y**2).mean(-1, keepdim=True)
    spread += eps
    y = y / spread.sqrt_()
    y = y * weight
    y += bias
    return y


def dropout(x, p, keep):
    y = x.clone()
    y[~keep] = 0
    if p < 1:
        y /= 1 - p
    return y


def feed_forward(x, inner_weight, inner_bias, outer_weight, outer_bias):
    inner = x.matmul(inner_weight.t())
    inner += inner_bias
    outer = gelu(inner).matmul(outer_weight.t())
    outer += outer_bias
    return outer


def encoder_layer(hidden, weights, heads, mask, hidden_dropout, attention_dropout):
    def projected(name):
        x = hidden.matmul(weights[f"attention.{name}.weight"].t())
        x += weights[f"attention.{name}.bias"]
        return x.view(*x.shape[:2], heads, -1).permute(0, 2, 1, 3)

    query, key, value = projected("query"), projected("key"), projected("value")
    scores = query.matmul(key.permute(0, 1, 3, 2))
    scores /= math.sqrt(key.shape[-1])
    if mask is not None:
        scores.masked_fill_(mask == 0, torch.finfo(scores.dtype).min)
    probs = torch.softmax(scores, -1)
    if mask is not None:
        probs = probs.masked_fill(mask == 0, 0)
    if attention_dropout == 1:
        probs = torch.zeros_like(probs)
    context = probs.matmul(value).permute(0, 2, 1, 3).reshape(hidden.shape)
    x = hidden.clone()
    if hidden_dropout == 0:
        x += context.matmul(weights["attention.output.weight"].t())
        x += weights["attention.output.bias"]
    x = layer_norm(x, weights["attention_norm.weight"], weights["attention_norm.bias"], 1e-12)
    y = x.clone()
    if hidden_dropout == 0:
        y += feed_forward(
            x,
            *(
                weights[f"feed_forward.{n}.{p}"]
                for n in ("inner", "outer")
                for p in ("weight", "bias")
            ),
        )
    return layer_norm(y, weights["output_norm.weight"], weights["output_norm.bias"], 1e-12)
