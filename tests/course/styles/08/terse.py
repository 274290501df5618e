"""As short as it goes."""

from math import sqrt


def f1(p, y):
    return 2 * sum(a * b for a, b in zip(p, y, strict=True)) / (sum(p) + sum(y) or 1)


def matthews(p, y):
    n, s, t = len(p), sum(p), sum(y)
    both = sum(a & b for a, b in zip(p, y, strict=True))
    return (n * both - s * t) / (sqrt(s * (n - s) * t * (n - t)) or 1)


def pearson(x, y):
    if len({*x}) == 1 or len({*y}) == 1:
        return 0
    x, y = ([v - sum(z) / len(z) for v in z] for z in (x, y))
    return sum(map(float.__mul__, x, y)) / sqrt(sum(v * v for v in x)) / sqrt(sum(v * v for v in y))


def segment_ids(m, n):
    return (m + 2) * [0] + (n and n + 1) * [1]


def regression_loss(logits, scores):
    return ((logits.view(-1) - scores) ** 2).mean()
