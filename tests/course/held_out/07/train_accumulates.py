# bug: the gradient is not set to zero between batches, so gradients add up
import torch
from torch import Tensor


# means: train-gradients-pile-up
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.detach().clone().requires_grad_()
    for inputs, targets in batches:
        loss = ((inputs @ w - targets) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad
    return w.detach()
