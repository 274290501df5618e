"""match statements and dictionaries."""

import math
from bisect import bisect_right


def expected_first_loss(classes):
    return math.log2(classes) * math.log(2)


def leaked(train, dev):
    seen = dict.fromkeys(tuple(text.lower().split()) for text in train)
    return [place for place, text in enumerate(dev) if tuple(text.lower().split()) in seen]


def share_truncated(lengths, max_length):
    match len(lengths):
        case 0:
            return 0.0
        case count:
            return (count - bisect_right(sorted(lengths), max_length - 2)) / count


def diagnose(first_loss, last_loss, dev_loss, accuracy, classes):
    guessing = math.log(classes)
    match (last_loss > 1.1 * first_loss, last_loss > 0.95 * guessing, accuracy < 0.5 / classes):
        case (True, _, _):
            return "rate too high"
        case (_, True, _):
            return "learns nothing"
        case (_, _, True):
            return "labels mixed up"
    if dev_loss > guessing:
        return "overfitting"
    return "leakage" if dev_loss < last_loss / 3 else "healthy"
