"""Everything as torch's tensors."""

import torch
from torch.nn import functional


def f1(predictions, labels):
    guess, truth = torch.tensor(predictions), torch.tensor(labels)
    precision = (guess * truth).sum() / guess.sum().double()
    recall = (guess * truth).sum() / truth.sum().double()
    return (2 * precision * recall / (precision + recall)).nan_to_num(0.0).item()


def matthews(predictions, labels):
    confusion = torch.zeros(2, 2, dtype=torch.float64)
    places = torch.tensor(labels), torch.tensor(predictions)
    confusion.index_put_(places, torch.ones((), dtype=torch.float64), accumulate=True)
    sides = confusion.sum(0).prod() * confusion.sum(1).prod()
    return (confusion.det() / sides.sqrt()).nan_to_num(0.0, 0.0, 0.0).item() if sides else 0.0


def pearson(x, y):
    pair = torch.tensor([x, y], dtype=torch.float64)
    if (pair == pair[:, :1]).all(1).any():
        return 0.0
    pair = pair - pair.mean(1, keepdim=True)
    return functional.cosine_similarity(pair[0], pair[1], dim=0).item()


def segment_ids(first_length, second_length):
    ids = torch.zeros(first_length + 2 + (second_length + 1) * bool(second_length))
    ids[first_length + 2 :] = 1
    return ids.long().tolist()


def regression_loss(logits, scores):
    return functional.mse_loss(logits[:, 0], scores)
