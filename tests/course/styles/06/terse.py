"""As short as it goes."""

import torch
from torch.nn.functional import cross_entropy, gelu, layer_norm, softplus


def count_parameters(config):
    v, d, n, _, f, p, t = (
        config[name]
        for name in (
            "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size "
            "max_position_embeddings type_vocab_size"
        ).split()
    )
    return n * (4 * d * d + 9 * d + 2 * d * f + f) + d * (v + p + t + 2 * d + 8) + v + 2


def pooler(hidden, weight, bias):
    return (weight @ hidden[:, 0].T + bias[:, None]).T.tanh()


def masked_lm_logits(hidden, weights, token_table):
    w = weights
    x = gelu(hidden @ w["dense.weight"].T + w["dense.bias"])
    x = layer_norm(x, x.shape[-1:], w["norm.weight"], w["norm.bias"], 1e-12)
    return x @ token_table.T + w["bias"]


def pretraining_loss(prediction_logits, labels, next_logits, is_next):
    words = cross_entropy(prediction_logits.mT, labels).nan_to_num(0)
    margin = (next_logits[:, 1] - next_logits[:, 0]) * torch.where(is_next, 1, -1)
    return words + softplus(margin, threshold=500).mean()
