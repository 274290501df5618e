"""Plain loops."""

import math


def expected_first_loss(classes):
    total = 0.0
    for _ in range(classes):
        total -= math.log(1 / classes) / classes
    return total


def leaked(train, dev):
    places = []
    for i in range(len(dev)):
        for text in train:
            if text.lower().split() == dev[i].lower().split():
                places.append(i)
                break
    return places


def share_truncated(lengths, max_length):
    cut = 0
    for length in lengths:
        if 1 + length + 1 > max_length:
            cut += 1
    return cut / len(lengths) if lengths else 0.0


def diagnose(last_loss, dev_loss, moved, shared, classes):
    guessing = math.log(classes)
    cause = "healthy"
    if dev_loss > guessing:
        cause = "learnt by heart"
    if last_loss > 0.95 * guessing:
        cause = "look at a batch"
    if last_loss / 1.2 > guessing:
        cause = "rate too high"
    if moved < 0.0001:
        cause = "body stands still"
    if shared:
        cause = "leakage"
    return cause
