"""The two smallest modules: they own what `functional` needs and nothing else."""

import torch
from torch import Tensor, nn

from minibert.config import BertConfig
from minibert.model import functional


class LayerNorm(nn.Module):
    """`functional.layer_norm` with its weight and bias, each (D,)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))
        self.eps = config.layer_norm_eps

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D) -> (..., D)"""
        return functional.layer_norm(x, self.weight, self.bias, self.eps)


class Dropout(nn.Module):
    """`functional.dropout` in training mode, nothing in evaluation."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x, of any shape, to the same shape."""
        return functional.dropout(x, self.p if self.training else 0.0)
