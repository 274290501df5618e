"""einsum, one-hot rows, and everything as products."""

import torch
from torch.nn import functional as F


def softmax(logits):
    powers = (logits - logits.max(dim=-1, keepdim=True).values).exp()
    sums = torch.einsum("...c->...", powers)
    return torch.einsum("...c,...->...c", powers, 1 / sums)


def accuracy(logits, labels):
    if logits.shape[0] == 0:
        return 0.0
    guesses = F.one_hot(logits.argmax(1), logits.shape[1]).double()
    truth = F.one_hot(labels, logits.shape[1]).double()
    return (torch.einsum("bc,bc->", guesses, truth) / len(labels)).item()


def label_words(logits, names):
    chosen = logits == logits.max(-1, keepdim=True).values
    return [name for row in chosen for name, here in zip(names, row) if here]
