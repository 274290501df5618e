"""Torch's own modules, filled with the weights."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional


def count_parameters(config):
    d, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    with torch.device("meta"):
        layers = [
            nn.TransformerEncoderLayer(d, config["num_attention_heads"], f)
            for _ in range(config["num_hidden_layers"])
        ]
        tables = [nn.Embedding(v, d), nn.Embedding(config["max_position_embeddings"], d)]
        model = nn.ModuleList(
            [
                *layers,
                *tables,
                nn.Embedding(config["type_vocab_size"], d),
                nn.LayerNorm(d),
                nn.Linear(d, d),
                nn.Linear(d, d),
                nn.LayerNorm(d),
                nn.Linear(d, 2),
            ]
        )
    return sum(p.numel() for p in model.parameters()) + v


def pooler(hidden, weight, bias):
    with torch.device("meta"):
        dense = nn.Linear(*weight.shape)
    first = hidden.select(1, 0)
    return functional_call(dense, {"weight": weight, "bias": bias}, (first,)).tanh()


def masked_lm_logits(hidden, weights, token_table):
    x = functional.gelu(functional.linear(hidden, weights["dense.weight"], weights["dense.bias"]))
    shape = hidden.shape[-1:]
    x = functional.layer_norm(x, shape, weights["norm.weight"], weights["norm.bias"], 1e-12)
    return functional.linear(x, token_table, weights["bias"])


def pretraining_loss(prediction_logits, labels, next_logits, is_next):
    words = functional.cross_entropy(prediction_logits.flatten(0, 1), labels.flatten())
    if (labels == -100).all():
        words = prediction_logits.sum() * 0
    return words + functional.cross_entropy(next_logits, is_next.logical_not().long())
