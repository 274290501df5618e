"""Chapter 0, Start here.

Copy this file, fill it in, and run: minibert check 00 my_00.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def softmax(logits: Tensor) -> Tensor:
    """Turn logits into shares: exp(logits) / sum(exp(logits)) over the last dimension.

    logits (..., C), with any number of dimensions in front -> the same shape and dtype. The shares
    of the last dimension add up to one. Logits of 1000 and more must not overflow.

    >>> softmax(torch.tensor([[0.0, 0.0], [1000.0, 1000.0]]))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    >>> softmax(torch.tensor([0.0, 1.0]))
    tensor([0.2689, 0.7311])

    3 points, difficulty 1 of 5, about 8 minutes.
    """
    raise NotImplementedError


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest logit is that of the right class.

    logits (B, C), labels (B,) of class numbers -> a Python number from 0 to 1; 0.0 of no rows.

    >>> accuracy(torch.tensor([[2.0, -1.0], [0.5, 0.7], [-3.0, -4.0]]), torch.tensor([0, 1, 1]))
    0.6666666666666666
    >>> accuracy(torch.zeros(0, 2), torch.zeros(0))
    0.0

    2 points, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def label_words(logits: Tensor, names: list[str]) -> list[str]:
    """For each row the name of the class with the largest logit.

    logits (B, C), names: one for each of the C classes, in the order of their numbers -> B names.

    >>> label_words(torch.tensor([[2.0, -1.0], [0.5, 0.7]]), ["negative", "positive"])
    ['negative', 'positive']

    2 points, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError
