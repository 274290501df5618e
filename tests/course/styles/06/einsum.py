"""Products by einsum, sizes as a sum over shapes."""

import math

import torch


def count_parameters(config):
    d, f = config["hidden_size"], config["intermediate_size"]
    v, p = config["vocab_size"], config["max_position_embeddings"]
    layer = [(d, d), (d,)] * 4 + [(f, d), (f,), (d, f), (d,)] + [(d,)] * 4
    tables = [(v, d), (p, d), (config["type_vocab_size"], d), (d,), (d,)]
    heads = [(d, d), (d,), (d, d), (d,), (d,), (d,), (v,), (2, d), (2,)]
    shapes = tables + layer * config["num_hidden_layers"] + heads
    return sum(math.prod(shape) for shape in shapes)


def pooler(hidden, weight, bias):
    return torch.einsum("bd,ed->be", hidden[:, 0], weight).add(bias).tanh()


def masked_lm_logits(hidden, weights, token_table):
    x = torch.einsum("bsd,ed->bse", hidden, weights["dense.weight"]) + weights["dense.bias"]
    x = x * torch.special.ndtr(x)  # the chance that a standard normal is below x
    x = x - x.mean(-1, keepdim=True)
    x = x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-12)
    x = x * weights["norm.weight"] + weights["norm.bias"]
    return torch.einsum("bsd,vd->bsv", x, token_table) + weights["bias"]


def pretraining_loss(prediction_logits, labels, next_logits, is_next):
    log_probs = prediction_logits.log_softmax(-1)
    masked = (labels != -100).to(log_probs.dtype)
    chosen = torch.nn.functional.one_hot(labels.clamp(min=0), log_probs.shape[-1]).to(masked.dtype)
    words = -torch.einsum("bsv,bsv,bs->", log_probs, chosen, masked) / masked.sum().clamp(min=1)
    both = torch.stack([is_next, ~is_next], -1).to(next_logits.dtype)
    return words - torch.einsum("bc,bc->", next_logits.log_softmax(-1), both) / len(is_next)
