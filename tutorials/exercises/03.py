"""Chapter 3, Attention.

Copy this file, fill it in, and run: minibert check 03 my_03.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    """How well each query fits each key: query @ key^T / sqrt(W).

    query, key (B, H, S, W) -> (B, H, S, S): a row for each query, a column for each key.

    >>> query = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]]])
    >>> key = torch.tensor([[[[4.0, 0.0, 0.0, 0.0], [6.0, 8.0, 0.0, 0.0]]]])
    >>> attention_scores(query, key)
    tensor([[[[2., 3.],
              [0., 8.]]]])

    2 points, difficulty 1 of 5, about 8 minutes.
    """
    raise NotImplementedError


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last dimension, among the keys that may be attended to.

    scores (B, H, S, S); mask: True or 1 = attend, False or 0 = not, of a shape that can be laid
    over the scores, such as (B, 1, 1, S); None: attend to all -> the scores' shape and dtype.
    A row in which no key is left is 0 throughout, never NaN. Scores may be very large or very
    small.

    >>> masked_softmax(torch.tensor([[[[1.0, 1.0, 5.0]]]]), torch.tensor([[[[1, 1, 0]]]]))
    tensor([[[[0.5000, 0.5000, 0.0000]]]])
    >>> masked_softmax(torch.tensor([[[[1.0, 1.0, 5.0]]]]), torch.tensor([[[[0, 0, 0]]]]))
    tensor([[[[0., 0., 0.]]]])

    4 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Average the values, each weighted by how well its key fits the query.

    query, key, value (B, H, S, W), mask as in `masked_softmax` -> (B, H, S, W). Where no key is
    left, the result is 0.

    >>> query = key = torch.zeros(1, 1, 2, 1)
    >>> value = torch.tensor([[[[1.0], [3.0]]]])
    >>> scaled_dot_product_attention(query, key, value)
    tensor([[[[2.],
              [2.]]]])
    >>> scaled_dot_product_attention(query, key, value, torch.tensor([[[[True, False]]]]))
    tensor([[[[1.],
              [1.]]]])

    3 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    """Go back through a softmax by hand: from the gradient of its result to that of the scores.

    probs (..., S): the softmax over the last dimension; gradient: of the same shape, by how much
    the loss grows with each of the probs -> by how much it grows with each score. No autograd.

    >>> softmax_gradient(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])

    4 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError
