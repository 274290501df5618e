# bug: the loss is the sum of the squared differences instead of their mean
import torch
from torch import Tensor


# means: train-sum-of-squares
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.detach().clone().requires_grad_(True)
    optimizer = torch.optim.SGD([w], lr=rate)
    for inputs, targets in batches:
        optimizer.zero_grad()
        ((inputs @ w - targets) ** 2).sum().backward()
        optimizer.step()
    return w.detach()
