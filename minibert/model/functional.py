"""The mathematics of BERT as plain functions: no weights of their own, no state, any float dtype.

The modules call these through this module (`functional.gelu(x)`), so a function put in its place
here is used by the whole pretrained model. (For scores, softmax and attention that is so with
`attention="math"`; the others compute attention in kernels.) Shapes use the letters of
`minibert.model`. Where torch has the same formula in one pass over memory, the function calls it;
the formula then stands in the docstring, and a test holds the two together.

Source: Vaswani et al. 2017 ("Attention"); Devlin et al. 2019 ("BERT"); google-research/bert,
`modeling.py`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.trace import stage


def gelu(x: Tensor) -> Tensor:
    """Gaussian error linear unit: x times the chance that a standard normal is below x.

    Formula: 0.5 * x * (1 + erf(x / sqrt(2)))

    Any shape. Source: Hendrycks and Gimpel 2016; the activation of BERT's first release.
    """
    return torch_functional.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation of `gelu`; differs from it by at most 5e-4.

    Formula: 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))

    Any shape. Source: Hendrycks and Gimpel 2016; Google's later code, `gelu_new` in Hugging Face's.
    """
    return torch_functional.gelu(x, approximate="tanh")


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Shift and scale each row of the last dimension to mean 0, variance 1; then `weight`, `bias`.

    Formula: (x - mean(x)) / sqrt(var(x) + eps) * weight + bias

    x (..., D), weight and bias (D,); the variance divides by D, not D - 1. Source: Ba et al. 2016.
    """
    return torch_functional.layer_norm(x, weight.shape, weight, bias, eps)


def dropout(x: Tensor, p: float) -> Tensor:
    """Set each element to 0 with probability `p`, and make up for it in the others.

    Formula: x * keep / (1 - p), where each element of keep is 1 with probability 1 - p, else 0

    The expectation stays x. Any shape; p = 0 returns x itself, p = 1 zeros. Whether one is training
    is the caller's business: pass 0 when not. On a GPU, and in a compiled model, it is torch's own
    and draws otherwise. Source: Srivastava et al. 2014.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or p in (0, 1):
        return torch_functional.dropout(x, p)
    return x * cheap_noise(x, p)


def cheap_noise(x: Tensor, p: float) -> Tensor:
    """What `dropout` multiplies x by: 0 with probability p, else 1 / (1 - p); on the CPU.

    torch draws a number for every element, one after the other; here four elements share one, and
    each takes 16 bits of it, which rounds p to a multiple of 2**-16. That needs less than half the
    time, and dropout is a tenth of a training step.
    """
    steps = min(round(p * 2**16), 2**16 - 1)
    numbers = torch.empty(x.numel() // 4 + 1, dtype=torch.int64).random_(-(2**63), None)
    bits = numbers.view(torch.int16)[: x.numel()].view(x.shape)  # -2**15 to 2**15 - 1
    return (bits >= steps - 2**15).to(x.dtype).mul_(1 / (1 - p))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Cut the hidden dimension into `heads` slices of width W = D / H: head h gets slice h.

    x (B, S, D) -> (B, H, S, W)
    """
    x = x.unflatten(-1, (heads, -1))  # x (B, S, D) -> (B, S, H, W)
    return x.transpose(1, 2)  # x (B, S, H, W) -> (B, H, S, W)


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side again: the inverse of `split_heads`.

    x (B, H, S, W) -> (B, S, D)
    """
    x = x.transpose(1, 2)  # x (B, H, S, W) -> (B, S, H, W)
    return x.flatten(2)  # x (B, S, H, W) -> (B, S, D)


def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    """How well each query fits each key.

    Formula: query @ key^T / sqrt(W)

    For queries and keys of unit variance the root keeps the scores' variance at 1, whatever the
    width; without it the softmax would start out saturated. query, key (B, H, S, W) ->
    (B, H, S, S). Source: "Attention", equation 1.
    """
    width = query.shape[-1]
    return query @ key.transpose(-2, -1) / math.sqrt(width)  # query (B, H, S, W) -> (B, H, S, S)


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last dimension, over the keys that may be attended to.

    Formula: exp(scores) * mask / sum(exp(scores) * mask)

    mask: True or 1 = attend, broadcastable to scores (B, H, S, S); None: all. A row with no
    attendable key gets probabilities 0 throughout, never NaN.
    """
    if mask is None:
        return torch.softmax(scores, -1)
    mask = mask.bool()
    # The lowest finite number instead of -inf: a row of nothing but -inf would give 0 / 0.
    lowest = torch.finfo(scores.dtype).min
    scores = scores.masked_fill(~mask, lowest)  # scores (B, H, S, S) -> (B, H, S, S)
    # Where no key is left, the softmax now shares 1 among all; the second fill makes that 0.
    return torch.softmax(scores, -1).masked_fill(~mask, 0.0)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    keep_mask: Tensor | None = None,
) -> Tensor:
    """Average the values, each weighted by how well its key fits the query.

    Formula: dropout(softmax(query @ key^T / sqrt(W) over the mask)) @ value

    query, key, value (B, H, S, W); mask as in `masked_softmax`; -> context (B, H, S, W). Dropout
    draws what to keep, or takes `keep_mask` (B, H, S, S), True = keep; `dropout_p` then only sets
    the scale. Records the stages `attention.scores` and `attention.probs`.

    Source: "Attention", section 3.2.1.
    """
    # query (B, H, S, W) -> (B, H, S, S)
    scores = stage("attention.scores", attention_scores(query, key))
    # scores (B, H, S, S) -> (B, H, S, S)
    probs = stage("attention.probs", masked_softmax(scores, mask))
    if keep_mask is None:
        probs = dropout(probs, dropout_p)
    else:
        scale = 0.0 if dropout_p == 1 else 1 / (1 - dropout_p)
        probs = probs * keep_mask * scale
    return probs @ value  # probs (B, H, S, S) -> (B, H, S, W)


def feed_forward(
    x: Tensor,
    inner_weight: Tensor,
    inner_bias: Tensor,
    outer_weight: Tensor,
    outer_bias: Tensor,
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    """Two linear layers with an activation between, at every position by itself.

    Formula: activation(x @ inner_weight^T + inner_bias) @ outer_weight^T + outer_bias

    x (..., D), inner_weight (F, D), outer_weight (D, F) -> (..., D). Records its three stages.
    Source: "Attention", section 3.3, with GELU for ReLU ("BERT", section A.2).
    """
    # The last dimension goes from D to F and back, whatever stands before it.
    inner = stage("feed_forward.inner", torch_functional.linear(x, inner_weight, inner_bias))
    activated = stage("feed_forward.activated", activation(inner))
    return stage(
        "feed_forward.output", torch_functional.linear(activated, outer_weight, outer_bias)
    )


def cross_entropy(
    logits: Tensor, labels: Tensor, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability that the softmax of `logits` gives to the right class.

    Formula: log(sum(exp(logits))) - logits[label], for each row

    logits (..., C), labels (...) of class numbers. Rows labelled `ignore_index` count neither in
    the sum nor in the mean's denominator; with no other row the mean is 0, not NaN. `reduction`:
    "mean", "sum", or "none" for one value a row (0 where ignored).
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction is "mean", "sum" or "none", not {reduction!r}')
    counted = labels != ignore_index
    log_probs = torch.log_softmax(logits, -1)
    right = labels.where(counted, 0).unsqueeze(-1)
    losses = -log_probs.gather(-1, right).squeeze(-1).where(counted, 0.0)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counted.sum().clamp(min=1)
