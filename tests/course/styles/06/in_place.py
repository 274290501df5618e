"""In place, on tensors of its own."""

import torch


def count_parameters(config):
    count = torch.zeros((), dtype=torch.int64)
    d, f = config["hidden_size"], config["intermediate_size"]
    count += 4 * d * d + 4 * d
    count += 2 * d * f + d + f
    count += 4 * d
    count *= config["num_hidden_layers"]
    count += d * (config["vocab_size"] + config["max_position_embeddings"] + 2)
    count += d * config["type_vocab_size"]
    count += 2 * (d * d + d)
    count += 2 * d + config["vocab_size"]
    count += 2 * d + 2
    return int(count)


def pooler(hidden, weight, bias):
    out = torch.addmm(bias, hidden[:, 0], weight.t())
    return out.tanh_()


def masked_lm_logits(hidden, weights, token_table):
    x = hidden @ weights["dense.weight"].mT
    x = x.add_(weights["dense.bias"])
    x = (x * 0.5).mul_((x * 0.5**0.5).erf_().add_(1))
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    x = x.sub(mean).div_(variance.add_(1e-12).sqrt_())
    x = x.mul_(weights["norm.weight"]).add_(weights["norm.bias"])
    return (x @ token_table.mT).add_(weights["bias"])


def pretraining_loss(prediction_logits, labels, next_logits, is_next):
    labels = labels.clone()
    masked = labels.ne(-100)
    labels[~masked] = 0
    losses = -prediction_logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    losses = losses.clone()
    losses[~masked] = 0
    total = losses.sum() / max(int(masked.sum()), 1)
    rows = torch.arange(len(is_next))
    total -= next_logits.log_softmax(-1)[rows, 1 - is_next.long()].mean()
    return total
