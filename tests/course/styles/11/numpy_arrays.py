"""numpy for the numbers."""

import numpy as np


def expected_first_loss(classes):
    shares = np.full(classes, 1 / classes)
    return -(shares * np.log(shares)).sum()


def leaked(train, dev):
    forms = [
        np.array([" ".join(t.lower().split()) for t in texts], object) for texts in (train, dev)
    ]
    return np.flatnonzero(np.isin(forms[1], forms[0])).tolist()


def share_truncated(lengths, max_length):
    return np.mean(np.array(lengths) + 2 > max_length) if len(lengths) else 0.0


def diagnose(first_loss, last_loss, dev_loss, accuracy, classes):
    chance = np.log(classes)
    return str(
        np.select(
            [
                last_loss > 1.1 * first_loss,
                last_loss > 0.95 * chance,
                accuracy < 0.5 / classes,
                dev_loss > chance,
                dev_loss < last_loss / 3,
            ],
            ["rate too high", "learns nothing", "labels mixed up", "overfitting", "leakage"],
            "healthy",
        )
    )
