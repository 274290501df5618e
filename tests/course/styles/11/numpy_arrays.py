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


def diagnose(last_loss, dev_loss, moved, shared, classes):
    share, dev_share = np.array([last_loss, dev_loss]) / np.log(classes)
    found = np.select(
        [shared > 0, moved < 1e-4, share > 1.2, share > 0.95, dev_share > 1],
        ["leakage", "body stands still", "rate too high", "look at a batch", "learnt by heart"],
        "healthy",
    )
    return str(found)
