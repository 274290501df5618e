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


def diagnose(last_loss, dev_loss, moved, shared, classes):
    match (shared, moved < 1e-4, last_loss / math.log(classes), dev_loss / math.log(classes)):
        case (texts, _, _, _) if texts:
            return "leakage"
        case (_, True, _, _):
            return "body stands still"
        case (_, _, loss, _) if loss > 0.95:
            return "rate too high" if loss > 1.2 else "look at a batch"
        case (_, _, _, loss) if loss > 1:
            return "learnt by heart"
    return "healthy"
