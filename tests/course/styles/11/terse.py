"""As short as it goes."""

from math import log


def expected_first_loss(classes):
    return -log(1 / classes)


def leaked(train, dev):
    t, d = ([" ".join(text.lower().split()) for text in texts] for texts in (train, dev))
    return [i for i, text in enumerate(d) if t.count(text)]


def share_truncated(lengths, max_length):
    return sum(n > max_length - 2 for n in lengths) / (len(lengths) or 1)


def diagnose(last_loss, dev_loss, moved, shared, classes):
    g = log(classes)
    signs = {
        "leakage": shared,
        "body stands still": moved < 1e-4,
        "rate too high": last_loss > 1.2 * g,
        "look at a batch": last_loss > 0.95 * g,
        "learnt by heart": dev_loss > g,
        "healthy": True,
    }
    return next(filter(signs.get, signs))
