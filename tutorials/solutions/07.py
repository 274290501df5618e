"""Chapter 7, Fine-tuning: model answers."""

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    counted = labels != ignore_index
    some_class = labels.where(counted, 0)  # -100 cannot be looked up
    right = logits.gather(-1, some_class.unsqueeze(-1)).squeeze(-1)
    losses = torch.logsumexp(logits, -1) - right
    return losses.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def rate(step: int, total: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)


def decays(name: str) -> bool:
    return not name.endswith(("bias", "norm.weight"))


def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    norm = sum(float(gradient.square().sum()) for gradient in gradients) ** 0.5
    factor = max_norm / norm if norm > max_norm else 1.0
    return [gradient * factor for gradient in gradients]


def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    mean = first / (1 - 0.9**step)
    square = second / (1 - 0.999**step)
    change = mean / (square.sqrt() + 1e-8) + decay * parameter
    return parameter - rate * change, first, second


def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    weight = weight.clone().requires_grad_()
    for inputs, targets in batches:
        loss = (inputs @ weight - targets).square().mean()
        loss.backward()
        with torch.no_grad():
            weight -= rate * weight.grad
        weight.grad = None  # backward adds to what is there
    return weight.detach()
