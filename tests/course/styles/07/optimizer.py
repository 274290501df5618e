"""What torch has for it, where it is not forbidden."""

import torch
from torch import nn


def cross_entropy(logits, labels, ignore_index=-100):
    picked = labels != ignore_index
    if not picked.any():
        return (logits * 0).sum()
    categories = torch.distributions.Categorical(logits=logits[picked])
    return -categories.log_prob(labels[picked]).mean()


def rate(step, total, warmup, peak):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda now: now / warmup if now < warmup else (total - now) / (total - warmup),
    )
    for _ in range(step):
        optimizer.step()
        schedule.step()
    return schedule.get_last_lr()[0]


def decays(name):
    return name.rpartition(".")[2] != "bias" and "norm" not in name


def clip(gradients, max_norm):
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters]


def adamw_step(parameter, gradient, first, second, step, rate, decay):
    weight = nn.Parameter(parameter.clone())
    weight.grad = gradient.clone()
    optimizer = torch.optim.AdamW([weight], lr=rate, weight_decay=decay)
    state = {
        "step": torch.tensor(step - 1.0),
        "exp_avg": first.clone(),
        "exp_avg_sq": second.clone(),
    }
    optimizer.state[weight] = state
    optimizer.step()
    return weight.detach(), state["exp_avg"], state["exp_avg_sq"]


def train(weight, batches, rate):
    weight = nn.Parameter(weight.clone())
    optimizer = torch.optim.SGD([weight], lr=rate)
    for inputs, targets in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(inputs @ weight, targets).backward()
        optimizer.step()
    return weight.data
