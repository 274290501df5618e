"""einsum, -inf for masked scores, and rows with no key left set apart first."""

import torch


def attention_scores(query, key):
    return torch.einsum("bhqw,bhkw->bhqk", query, key) / query.size(-1) ** 0.5


def masked_softmax(scores, mask):
    if mask is None:
        return scores.softmax(dim=-1)
    allowed = mask.to(torch.bool).expand_as(scores)
    empty = ~allowed.any(dim=-1, keepdim=True)
    scores = scores.masked_fill(~(allowed | empty), -torch.inf)
    return scores.softmax(dim=-1).masked_fill(empty, 0)


def scaled_dot_product_attention(query, key, value, mask=None):
    return torch.einsum(
        "bhqk,bhkw->bhqw", masked_softmax(attention_scores(query, key), mask), value
    )


def softmax_gradient(probs, gradient):
    jacobian = torch.diag_embed(probs) - torch.einsum("...i,...j->...ij", probs, probs)
    return torch.einsum("...ij,...j->...i", jacobian, gradient)
