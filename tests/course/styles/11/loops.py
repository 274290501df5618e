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


def diagnose(first_loss, last_loss, dev_loss, accuracy, classes):
    guessing = math.log(classes)
    cause = "healthy"
    if last_loss > 3 * dev_loss:
        cause = "leakage"
    if dev_loss > guessing:
        cause = "overfitting"
    if accuracy * 2 < 1 / classes:
        cause = "labels mixed up"
    if last_loss > 0.95 * guessing:
        cause = "learns nothing"
    if last_loss / first_loss > 1.1:
        cause = "rate too high"
    return cause
