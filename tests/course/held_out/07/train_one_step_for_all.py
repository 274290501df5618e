# bug: all gradients are taken at the first weight and one step is made at the end, instead of a step after each batch
import torch
from torch import Tensor


# means: train-one-step-at-the-end
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.detach().clone().requires_grad_(True)
    if not batches:
        return w.detach()
    for inputs, targets in batches:
        ((inputs @ w - targets) ** 2).mean().backward()
    return (w - rate * w.grad).detach()
