"""Whether the classes that a checkpoint's head was trained on stand in the task's own order.

The trap: Google's code numbers MNLI's classes contradiction, entailment, neutral; `datasets`
entailment, neutral, contradiction. Nothing fails, and the accuracy is 5 %.
"""

import re
from collections.abc import Sequence

import torch
from torch import nn


def fit_labels(classifier: nn.Linear, theirs: Sequence[str], ours: Sequence[str]) -> str | None:
    """Put the rows of a loaded head, whose classes are `theirs`, into the order of `ours`.

    Names are compared without case, hyphens and underscores. Returns what is to be said: None
    where both orders are the same or there are no classes.
    """
    if not ours or _plain(theirs) == _plain(ours):
        return None
    if sorted(_plain(theirs)) != sorted(_plain(ours)):
        return (
            f"the head calls its classes {', '.join(theirs)}; taken, in this order, for "
            f"{', '.join(ours)} (--new-head starts the head afresh)"
        )
    order = [_plain(theirs).index(name) for name in _plain(ours)]
    with torch.no_grad():
        classifier.weight.copy_(classifier.weight[order])
        classifier.bias.copy_(classifier.bias[order])
    return f"the head's order was {', '.join(theirs)}; put into ours, {', '.join(ours)}"


def _plain(names: Sequence[str]) -> list[str]:
    return [re.sub(r"[\W_]+", "", name).lower() for name in names]
