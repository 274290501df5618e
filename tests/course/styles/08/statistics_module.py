"""Python's own library."""

import math
import statistics
from collections import Counter
from fractions import Fraction
from itertools import chain, repeat


def f1(predictions, labels):
    table = Counter(zip(predictions, labels, strict=True))
    wrong = table[1, 0] + table[0, 1]
    return float(Fraction(2 * table[1, 1], 2 * table[1, 1] + wrong)) if table[1, 1] else 0.0


def matthews(predictions, labels):
    try:
        return statistics.correlation(predictions, labels)
    except statistics.StatisticsError:
        return 0.0


def pearson(x, y):
    spread = (
        math.dist(x, [statistics.fmean(x)] * len(x)),
        math.dist(y, [statistics.fmean(y)] * len(y)),
    )
    if len(x) == 1 or not all(spread):
        return 0.0
    return statistics.covariance(x, y) * (len(x) - 1) / math.prod(spread)


def segment_ids(first_length, second_length):
    second = second_length + 1 if second_length else 0
    return list(chain(repeat(0, first_length + 2), repeat(1, second)))


def regression_loss(logits, scores):
    return logits.sub(scores.unsqueeze(1)).square().mean()
