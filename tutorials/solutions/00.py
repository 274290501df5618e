"""Chapter 0, Start here: model answers."""

import torch
from torch import Tensor


def softmax(logits: Tensor) -> Tensor:
    # Taking the same number from all logits of a row changes nothing in the quotient.
    powers = torch.exp(logits - logits.amax(-1, keepdim=True))
    return powers / powers.sum(-1, keepdim=True)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    if len(labels) == 0:
        return 0.0
    right = logits.argmax(-1) == labels
    return right.sum().item() / len(labels)


def label_words(logits: Tensor, names: list[str]) -> list[str]:
    return [names[number] for number in logits.argmax(-1).tolist()]
