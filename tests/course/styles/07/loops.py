"""Python's loops, and a gradient by hand."""

import math

import torch


def cross_entropy(logits, labels, ignore_index=-100):
    rows, total, count = logits.reshape(-1, logits.shape[-1]), 0 * logits.sum(), 0
    for row, label in zip(rows, labels.flatten().tolist(), strict=True):
        if label != ignore_index:
            highest = row.max()
            total = total + torch.log(torch.exp(row - highest).sum()) + highest - row[label]
            count += 1
    return total / count if count else total


def rate(step, total, warmup, peak):
    value = 0.0
    for i in range(step):
        value += peak / warmup if i < warmup else -peak / (total - warmup)
    return value if warmup else peak + value


def decays(name):
    for ending in ("bias", "norm.weight"):
        if name.endswith(ending):
            return False
    return True


def clip(gradients, max_norm):
    total = 0.0
    for gradient in gradients:
        for number in gradient.flatten().tolist():
            total += number * number
    if math.sqrt(total) <= max_norm:
        return [gradient.clone() for gradient in gradients]
    return [gradient * max_norm / math.sqrt(total) for gradient in gradients]


def adamw_step(parameter, gradient, first, second, step, rate, decay):
    new = [torch.empty_like(parameter) for _ in range(3)]
    flat = [one.flatten() for one in (parameter, gradient, first, second)]
    for i, (p, g, m, v) in enumerate(zip(*flat, strict=True)):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        change = m / (1 - 0.9**step) / (torch.sqrt(v / (1 - 0.999**step)) + 1e-8)
        for out, number in zip(new, (p - rate * (change + decay * p), m, v), strict=True):
            out.view(-1)[i] = number
    return tuple(new)


def train(weight, batches, rate):
    weight = weight.clone()
    for inputs, targets in batches:
        gradient = torch.zeros_like(weight)
        for x, y in zip(inputs, targets, strict=True):
            gradient += 2 * (x @ weight - y) * x / len(targets)
        weight -= rate * gradient
    return weight
