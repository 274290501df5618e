"""AdamW in two kinds, over parameters in groups of their own rate and weight decay.

Source: Loshchilov and Hutter 2019; google-research/bert, `optimization.py`; Mosbach et al. 2021 for
the bias correction, which Google's code lacks and which makes fine-tuning stable; Clark et al. 2020
(ELECTRA) for rates that fall with the depth.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from minibert.model.bert import BertWithHead
from minibert.training.parameters import decays, depth, in_head
from minibert.training.settings import Settings

BETAS = (0.9, 0.999)  # of both kinds


def make_optimizer(model: BertWithHead[Any], settings: Settings) -> torch.optim.Optimizer:
    """AdamW over all parameters, those that are frozen for now included: they take no part.

    A group is what shares weight decay and peak rate. The head has a rate of its own if asked for;
    with layer-wise decay, the top layer's is the pooler's times the factor, and so on down.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    layers = model.config.num_hidden_layers
    for name, parameter in model.named_parameters():
        peak = settings.learning_rate
        if in_head(name) and settings.head_learning_rate is not None:
            peak = settings.head_learning_rate
        peak *= settings.layer_decay ** (layers + 1 - depth(name, layers))
        decay = settings.weight_decay if decays(name) else 0.0
        groups.setdefault((decay, peak), []).append(parameter)
    described = [
        {"params": parameters, "weight_decay": decay, "peak": peak}
        for (decay, peak), parameters in groups.items()
    ]
    if settings.optimizer == "google":
        return GoogleAdamW(described)
    # Fused: one pass over the parameters instead of a dozen, on the CPU seven times as fast.
    return torch.optim.AdamW(described, betas=BETAS, eps=1e-8, fused=True)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Let the next step use this share of each group's peak rate."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["peak"]


class GoogleAdamW(torch.optim.Optimizer):
    """AdamW as BERT was trained with it: without bias correction, and with eps 1e-6.

    Formula: m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
    p = p - rate * (m / (sqrt(v) + eps) + decay * p)

    m and v begin at 0 and for want of a correction stay too small for a while, v the more so: early
    steps are up to three times as long as they should be, which warm-up has to make up for.
    """

    def __init__(self, params: Iterable[dict[str, Any]]):
        super().__init__(params, {"lr": 0.0, "weight_decay": 0.0, "eps": 1e-6})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient; group by group, all tensors at once."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            for p in parameters:
                if not self.state[p]:
                    self.state[p] = {"mean": torch.zeros_like(p), "square": torch.zeros_like(p)}
            gradients = [p.grad for p in parameters]
            means = [self.state[p]["mean"] for p in parameters]
            squares = [self.state[p]["square"] for p in parameters]
            torch._foreach_mul_(means, BETAS[0])
            torch._foreach_add_(means, gradients, alpha=1 - BETAS[0])
            torch._foreach_mul_(squares, BETAS[1])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - BETAS[1])
            roots = torch._foreach_sqrt(squares)
            torch._foreach_add_(roots, group["eps"])
            changes = torch._foreach_div(means, roots)
            torch._foreach_add_(changes, parameters, alpha=group["weight_decay"])
            torch._foreach_add_(parameters, changes, alpha=-group["lr"])
