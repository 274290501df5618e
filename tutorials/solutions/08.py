"""Chapter 8, Pairs and scores: model answers."""

import math

from torch import Tensor


def f1(predictions: list[int], labels: list[int]) -> float:
    both = sum(guess and label for guess, label in zip(predictions, labels, strict=True))
    either = sum(predictions) + sum(labels)
    return 2 * both / either if either else 0.0


def matthews(predictions: list[int], labels: list[int]) -> float:
    pairs = list(zip(predictions, labels, strict=True))
    found, missed = pairs.count((1, 1)), pairs.count((0, 1))
    wrongly, rightly_not = pairs.count((1, 0)), pairs.count((0, 0))
    sides = (found + wrongly) * (missed + rightly_not) * (found + missed) * (wrongly + rightly_not)
    return (found * rightly_not - missed * wrongly) / math.sqrt(sides) if sides else 0.0


def pearson(x: list[float], y: list[float]) -> float:
    if min(x) == max(x) or min(y) == max(y):
        return 0.0
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    x, y = [one - x_mean for one in x], [one - y_mean for one in y]
    together = sum(one * other for one, other in zip(x, y, strict=True))
    return together / math.sqrt(sum(one * one for one in x) * sum(one * one for one in y))


def segment_ids(first_length: int, second_length: int) -> list[int]:
    ids = [0] * (1 + first_length + 1)  # [CLS] first text [SEP]
    if second_length:
        ids += [1] * (second_length + 1)  # second text [SEP]
    return ids


def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    predicted = logits.squeeze(-1)  # (B, 1) -> (B,)
    return ((predicted - scores) ** 2).mean()
