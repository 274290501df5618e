"""Chapter 8, Pairs and scores.

Copy this file, fill it in, and run: minibert check 08 my_08.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

from torch import Tensor


def f1(predictions: list[int], labels: list[int]) -> float:
    """The harmonic mean of precision and recall of class 1.

    Precision is the share of predicted 1s that are right, recall the share of labelled 1s that are
    found. Where nothing is found, or there is nothing to find, F1 is 0. Count by hand, without
    scikit-learn.

    predictions, labels: of 0 and 1, as long as each other, at least one -> a number from 0 to 1.

    >>> f1([1, 1, 0, 0, 1], [1, 0, 0, 1, 1])
    0.6666666666666666
    >>> f1([0, 0], [0, 1])
    0.0

    2 points, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError


def matthews(predictions: list[int], labels: list[int]) -> float:
    """Matthews' correlation of two classes: 1 all right, 0 no better than chance, -1 all wrong.

    (found * rightly not found - missed * wrongly found) / the root of the product of four counts:
    predicted 1, predicted 0, labelled 1, labelled 0. If one of the four is 0, the result is 0.

    predictions, labels: of 0 and 1, as long as each other, at least one -> a number from -1 to 1.

    >>> matthews([1, 1, 0, 0], [1, 0, 0, 0])
    0.5773502691896258
    >>> matthews([1, 1, 1, 1], [1, 0, 0, 0])
    0.0

    2 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def pearson(x: list[float], y: list[float]) -> float:
    """Pearson's correlation: do the two rise together on a straight line?

    The sum of the products of their deviations from the mean, over the root of (the sum of the one
    side's squared deviations times the sum of the other's). If one side is constant, or there is
    only one pair, the result is 0.

    x, y: as long as each other, at least one -> a number from -1 to 1.

    >>> round(pearson([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 5.0]), 4)
    0.8733
    >>> pearson([1.0, 1.0, 1.0], [0.0, 1.0, 5.0])
    0.0

    2 points, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError


def segment_ids(first_length: int, second_length: int) -> list[int]:
    """Which text each token belongs to: 0 the first, 1 the second.

    The tokens are [CLS] first text [SEP] second text [SEP]. [CLS] belongs to the first text, each
    [SEP] to the text before it. With second_length 0 there is a single text: [CLS] text [SEP].

    first_length, second_length: word pieces of each text, without [CLS] and [SEP].

    >>> segment_ids(2, 1)
    [0, 0, 0, 0, 1, 1]
    >>> segment_ids(2, 0)
    [0, 0, 0, 0]

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    """The loss of a score: the mean squared difference between logits and scores.

    logits (B, 1), as a head with one label gives them, scores (B,) -> a tensor without dimensions.

    >>> import torch
    >>> regression_loss(torch.tensor([[1.0], [4.0]]), torch.tensor([2.0, 4.0]))
    tensor(0.5000)

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError
