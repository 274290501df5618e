# bug: the gradient is worked out by hand without the factor 2
import torch
from torch import Tensor


# means: train-half-the-error
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.clone()
    for x, y in batches:
        error = x @ w - y
        w = w - rate * x.T @ error / len(y)
    return w
