# bug: an Adam optimizer is used instead of a plain step by rate times the gradient
import torch
from torch import Tensor


# means: none
def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    w = weight.detach().clone().requires_grad_()
    opt = torch.optim.AdamW([w], lr=rate)
    for x, y in batches:
        opt.zero_grad()
        loss = torch.nn.functional.mse_loss(x @ w, y)
        loss.backward()
        opt.step()
    return w.detach()
