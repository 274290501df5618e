"""topk and sort for argmax; numbers shifted one row at a time."""

import torch


def _row(logits: torch.Tensor) -> torch.Tensor:
    logits = logits - logits.sort().values[-1]
    return logits.exp().div(logits.exp().sum())


def softmax(logits):
    rows = logits.reshape(-1, logits.size(-1))
    return torch.cat([_row(row)[None] for row in rows.unbind()]).reshape(logits.size())


def accuracy(logits, labels):
    best = logits.topk(1, dim=1).indices.squeeze(1)
    return best.eq(labels).to(torch.float64).sum().div(max(1, best.shape[0])).item()


def label_words(logits, names):
    return list(map(names.__getitem__, logits.sort(dim=-1).indices[..., -1].tolist()))
