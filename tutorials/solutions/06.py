"""Chapter 6, The whole BERT: model answers."""

import math

import torch
from torch import Tensor


def count_parameters(config: dict[str, int]) -> int:
    width, inner = config["hidden_size"], config["intermediate_size"]
    vocabulary = config["vocab_size"]

    def linear(inputs: int, outputs: int) -> int:
        return inputs * outputs + outputs

    norm = 2 * width
    rows = vocabulary + config["max_position_embeddings"] + config["type_vocab_size"]
    embeddings = rows * width + norm
    attention = 4 * linear(width, width) + norm  # query, key, value, and the way out
    feed_forward = linear(width, inner) + linear(inner, width) + norm
    encoder = config["num_hidden_layers"] * (attention + feed_forward)
    pooler = linear(width, width)
    masked_words = linear(width, width) + norm + vocabulary  # the decoder is the token table
    next_sentence = linear(width, 2)
    return embeddings + encoder + pooler + masked_words + next_sentence


def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.tanh(hidden[:, 0] @ weight.T + bias)


def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    x = hidden @ weights["dense.weight"].T + weights["dense.bias"]
    x = 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    x = (x - mean) / torch.sqrt(variance + 1e-12) * weights["norm.weight"] + weights["norm.bias"]
    return x @ token_table.T + weights["bias"]


def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    masked = labels != -100
    words = torch.nn.functional.cross_entropy(
        prediction_logits[masked], labels[masked], reduction="sum"
    )
    words = words / masked.sum().clamp(min=1)
    classes = torch.where(is_next, 0, 1)
    return words + torch.nn.functional.cross_entropy(next_logits, classes)
