# bug: the weight given is changed in place
import torch
from torch import Tensor


# means: none
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.detach().requires_grad_(True)
    for x, y in batches:
        (g,) = torch.autograd.grad(torch.nn.functional.mse_loss(x @ w, y), w)
        with torch.no_grad():
            w -= rate * g
    return w.detach()
