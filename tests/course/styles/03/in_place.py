"""In place, on tensors of one's own."""

import torch


def attention_scores(query, key):
    scores = torch.matmul(query, key.permute(0, 1, 3, 2))
    scores /= key.shape[3] ** 0.5
    return scores


def masked_softmax(scores, mask):
    scores = scores.clone()
    hidden = None if mask is None else mask == 0
    if hidden is not None:
        scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)
    probs = torch.softmax(scores, dim=3).clone()
    if hidden is not None:
        probs *= ~hidden
    return probs


def scaled_dot_product_attention(query, key, value, mask=None):
    query = query.clone().mul_(query.shape[-1] ** -0.5)
    return masked_softmax(query @ key.mT, mask).matmul(value)


def softmax_gradient(probs, gradient):
    result = gradient.clone()
    result *= probs
    result -= probs * result.sum(-1, keepdim=True)
    return result
