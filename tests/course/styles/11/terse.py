"""As short as it goes."""

from math import log


def expected_first_loss(classes):
    return -log(1 / classes)


def leaked(train, dev):
    t, d = ([" ".join(text.lower().split()) for text in texts] for texts in (train, dev))
    return [i for i, text in enumerate(d) if t.count(text)]


def share_truncated(lengths, max_length):
    return sum(n > max_length - 2 for n in lengths) / (len(lengths) or 1)


def diagnose(first, last, dev, accuracy, classes):
    return (
        "rate too high"
        if last > 1.1 * first
        else "learns nothing"
        if last > 0.95 * log(classes)
        else "labels mixed up"
        if accuracy < 0.5 / classes
        else "overfitting"
        if dev > log(classes)
        else "leakage"
        if dev < last / 3
        else "healthy"
    )
