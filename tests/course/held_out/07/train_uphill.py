# bug: the step goes uphill: rate times the gradient is added
import torch
from torch import Tensor


# means: train-uphill
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.clone()
    for x, y in batches:
        w = w.detach().requires_grad_()
        loss = (x @ w - y).pow(2).mean()
        loss.backward()
        w = w + rate * w.grad
    return w.detach()
