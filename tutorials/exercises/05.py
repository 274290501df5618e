"""Chapter 5, One encoder layer.

Copy this file, fill it in, and run: minibert check 05 my_05.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def gelu(x: Tensor) -> Tensor:
    """The Gaussian error linear unit: x times the chance that a standard normal is below x.

    x of any shape -> the same shape and dtype. Exact, with the error function erf; not the
    approximation with tanh.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0, 2.0]))
    tensor([-0.1587,  0.0000,  0.8413,  1.9545])

    2 points, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Give every row of the last dimension mean 0 and variance 1; then times weight, plus bias.

    (x - mean) / sqrt(variance + eps) * weight + bias, with x (..., D), weight and bias (D,) -> the
    same shape and dtype as x. The variance is the mean of the squared distances: divided by D.

    >>> x = torch.tensor([[1.0, 3.0], [5.0, 5.0]])
    >>> layer_norm(x, torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.5]), 1e-12)
    tensor([[-1.0000,  2.5000],
            [ 0.0000,  0.5000]])

    3 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    """Drop elements, and make up for it in the others, so that the expectation stays x.

    x of any shape; p: the chance of being dropped, from 0 to 1; keep: booleans of x's shape, drawn
    already, True with chance 1 - p -> x / (1 - p) where keep is True, 0 elsewhere. If p is 1,
    nothing is kept, and the result is 0 throughout. x itself stays as it is.

    >>> dropout(torch.tensor([1.0, 2.0, 3.0]), 0.5, torch.tensor([True, False, True]))
    tensor([2., 0., 6.])
    >>> dropout(torch.tensor([1.0, 2.0]), 1.0, torch.tensor([False, False]))
    tensor([0., 0.])

    2 points, difficulty 1 of 5, about 6 minutes.
    """
    raise NotImplementedError


def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    """Two linear layers with GELU between them, for every token by itself.

    x (..., D), inner_weight (F, D), inner_bias (F,), outer_weight (D, F), outer_bias (D,), kept as
    torch's linear layers keep them: x @ weight^T + bias -> (..., D)

    >>> x = torch.tensor([[1.0, 1.0]])
    >>> inner = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> outer = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> feed_forward(x, inner, torch.zeros(3), outer, torch.tensor([0.0, 1.0]))
    tensor([[0.8413, 2.9545]])

    2 points, difficulty 1 of 5, about 6 minutes.
    """
    raise NotImplementedError


def encoder_layer(
    hidden: Tensor,
    weights: dict[str, Tensor],
    heads: int,
    mask: Tensor | None,
    hidden_dropout: float,
    attention_dropout: float,
) -> Tensor:
    """One layer of BERT's encoder: attention, then the feed-forward network.

    Each of the two: dropout of its result, sum with what went into it, LayerNorm of the sum.
    hidden (B, S, D), mask (B, 1, 1, S), True = attend, or None -> (B, S, D). weights holds
    - "attention.query.weight", "attention.query.bias" and so on, as in `self_attention`
    - "attention_norm.weight", "attention_norm.bias" of the first LayerNorm
    - "feed_forward.inner.weight", ".bias" and "feed_forward.outer.weight", ".bias"
    - "output_norm.weight", "output_norm.bias" of the second LayerNorm; eps is 1e-12 in both
    hidden_dropout is that of both results, attention_dropout that of the probabilities, after the
    softmax. Each is 0 or 1: nothing is dropped, or everything.

    >>> names = [f"attention.{name}" for name in ("query", "key", "value", "output")]
    >>> names += ["feed_forward.inner", "feed_forward.outer"]
    >>> weights = {f"{name}.weight": torch.eye(2) for name in names}
    >>> weights |= {f"{name}.weight": torch.ones(2) for name in ("attention_norm", "output_norm")}
    >>> weights |= {name.replace("weight", "bias"): torch.zeros(2) for name in [*weights]}
    >>> encoder_layer(torch.tensor([[[3.0, 1.0]]]), weights, 1, None, 0.0, 0.0)
    tensor([[[ 1., -1.]]])
    >>> weights["attention_norm.bias"] = torch.tensor([1.0, 2.0])
    >>> weights["output_norm.weight"] = torch.tensor([1.0, 5.0])
    >>> encoder_layer(torch.tensor([[[3.0, 1.0]]]), weights, 1, None, 1.0, 0.0)
    tensor([[[ 1., -5.]]])

    6 points, difficulty 4 of 5, about 25 minutes.
    """
    raise NotImplementedError
