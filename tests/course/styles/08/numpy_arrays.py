"""Everything as numpy arrays."""

import numpy as np


def f1(predictions, labels):
    guess, truth = np.array(predictions, bool), np.array(labels, bool)
    both = (guess & truth).sum()
    return float(2 * both / max(guess.sum() + truth.sum(), 1))


def matthews(predictions, labels):
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return 0.0
    return float(np.corrcoef(predictions, labels)[0, 1])  # Pearson's, of 0 and 1


def pearson(x, y):
    x, y = np.asarray(x), np.asarray(y)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return np.mean((x - x.mean()) * (y - y.mean())) / (x.std() * y.std())


def segment_ids(first_length, second_length):
    sizes = [first_length + 2, second_length + 1 if second_length else 0]
    return np.repeat([0, 1], sizes).tolist()


def regression_loss(logits, scores):
    left = logits - scores[:, None]  # (B, 1) minus (B, 1)
    return left.pow(2).sum() / np.prod(left.shape).item()
