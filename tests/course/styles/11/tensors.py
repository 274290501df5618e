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


def diagnose(last_loss, dev_loss, moved, shared, classes):
    guessing = math.log(classes)
    signs = torch.tensor(
        [
            shared > 0,
            moved < 1e-4,
            last_loss > 1.2 * guessing,
            last_loss > 0.95 * guessing,
            dev_loss > guessing,
            True,
        ]
    )
    causes = "leakage,body stands still,rate too high,look at a batch,learnt by heart,healthy"
    return causes.split(",")[int(signs.nonzero()[0])]
