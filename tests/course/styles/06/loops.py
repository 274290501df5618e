"""Everything one after another, in Python's loops."""

import torch


def count_parameters(config):
    d, f = config["hidden_size"], config["intermediate_size"]
    total = 0
    for rows in ("vocab_size", "max_position_embeddings", "type_vocab_size"):
        total += config[rows] * d
    total += 2 * d
    for _ in range(config["num_hidden_layers"]):
        for _ in ("query", "key", "value", "output"):
            total += d * d + d
        total += d * f + f
        total += f * d + d
        for _ in ("after attention", "after feed-forward"):
            total += 2 * d
    for _ in ("pooler", "transform"):
        total += d * d + d
    total += 2 * d + config["vocab_size"]
    total += 2 * d + 2
    return total


def pooler(hidden, weight, bias):
    rows = []
    for sequence in hidden:
        first = sequence[0]
        numbers = [torch.tanh((row * first).sum() + b) for row, b in zip(weight, bias, strict=True)]
        rows.append(torch.stack(numbers))
    return torch.stack(rows)


def masked_lm_logits(hidden, weights, token_table):
    batch = []
    for sequence in hidden:
        positions = []
        for state in sequence:
            x = weights["dense.weight"] @ state + weights["dense.bias"]
            x = x / 2 * (1 + torch.erf(x / 2**0.5))
            x = (x - x.mean()) / (x.var(correction=0) + 1e-12) ** 0.5
            x = x * weights["norm.weight"] + weights["norm.bias"]
            positions.append(token_table @ x + weights["bias"])
        batch.append(torch.stack(positions))
    return torch.stack(batch)


def pretraining_loss(prediction_logits, labels, next_logits, is_next):
    words = []
    for row in range(labels.shape[0]):
        for place in range(labels.shape[1]):
            if labels[row, place] >= 0:
                logits = prediction_logits[row, place]
                words.append(logits.logsumexp(0) - logits[labels[row, place]])
    follows = 0
    for logits, next_one in zip(next_logits, is_next, strict=True):
        follows = follows + logits.logsumexp(0) - logits[0 if next_one else 1]
    follows = follows / len(is_next)
    return sum(words) / len(words) + follows if words else follows
