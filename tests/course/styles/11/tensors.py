"""torch for the numbers."""

import math
import re

import torch


def expected_first_loss(classes):
    logits = torch.zeros(1, classes, dtype=torch.float64)
    return torch.nn.functional.cross_entropy(logits, torch.tensor([0])).item()


def leaked(train, dev):
    def plain(text):
        return re.sub(r"\s+", " ", text.lower()).strip()

    return [i for i, text in enumerate(dev) if plain(text) in [plain(seen) for seen in train]]


def share_truncated(lengths, max_length):
    if not lengths:
        return 0.0
    return (torch.tensor(lengths) > max_length - 2).double().mean().item()


def diagnose(first_loss, last_loss, dev_loss, accuracy, classes):
    guessing = math.log(classes)
    signs = torch.tensor(
        [
            last_loss > 1.1 * first_loss,
            last_loss > 0.95 * guessing,
            accuracy < 1 / (2 * classes),
            dev_loss > guessing,
            dev_loss < last_loss / 3,
            True,
        ]
    )
    causes = "rate too high,learns nothing,labels mixed up,overfitting,leakage,healthy".split(",")
    return causes[int(signs.nonzero()[0])]
