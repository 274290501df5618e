"""Multi-head self-attention: the module that owns its weights, and the ways to compute it.

Source: Vaswani et al. 2017, section 3.2.2; google-research/bert, `modeling.attention_layer`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as kernels

from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.model import functional
from minibert.trace import recording, stage

if TYPE_CHECKING:
    from minibert.model.layout import Layout


class SelfAttention(nn.Module):
    """Every token asks every other one (query, key) and takes what it needs (value)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout_p = config.attention_probs_dropout_prob

    def forward(self, hidden: Tensor, layout: "Layout") -> Tensor:
        """hidden (B, S, D), or packed (T, D), to the same shape."""
        query = stage("attention.query", self.query(hidden))
        key = stage("attention.key", self.key(hidden))
        value = stage("attention.value", self.value(hidden))
        dropout_p = self.dropout_p if self.training else 0.0
        # query (B, S, D) | (T, D) -> (B, S, D) | (T, D)
        context = layout.attend(query, key, value, self.heads, dropout_p)
        stage("attention.context", context)
        return stage("attention.output", self.output(context))


def sdpa_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float
) -> Tensor:
    """`functional.scaled_dot_product_attention` by torch's own kernels, never holding all scores.

    Shapes, mask and rows without an attendable key as there. While recording, scores and probs are
    computed beside, without dropout; the result stays the same to the bit.
    """
    if recording():
        # query (B, H, S, W) -> (B, H, S, S)
        scores = stage("attention.scores", functional.attention_scores(query, key))
        stage("attention.probs", functional.masked_softmax(scores, mask))
    if mask is None:
        return kernels.scaled_dot_product_attention(query, key, value, dropout_p=dropout_p)
    # torch's kernels differ on rows without a key: let those attend to all, and blank the result.
    attendable = mask.any(-1, keepdim=True)  # mask (B, 1, 1, S) -> (B, 1, 1, 1)
    mask = mask | ~attendable
    context = kernels.scaled_dot_product_attention(query, key, value, mask, dropout_p)
    return context.masked_fill(~attendable, 0.0)  # query (B, H, S, W) -> (B, H, S, W)


def math_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float
) -> Tensor:
    """The explicit way, `functional.scaled_dot_product_attention`: the reference for all others."""
    return functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]] = {
    "math": math_attention,
    "sdpa": sdpa_attention,
}


class Choice(NamedTuple):
    """A way to compute attention, and why it was taken."""

    way: str
    reason: str


def choose(wanted: str, device: torch.device, dropout_p: float) -> Choice:
    """What `wanted` ("auto" or a name in `WAYS`) comes to on this device with this dropout.

    Raises `ConfigError` for an unknown name.
    """
    if wanted in WAYS:
        return Choice(wanted, "as asked")
    if wanted != "auto":
        raise ConfigError(f"attention {wanted!r} is unknown; choose auto, {', '.join(WAYS)}")
    if device.type == "cpu" and dropout_p > 0:
        return Choice("math", "on the CPU, torch's kernels have no fast path with dropout")
    return Choice("sdpa", "torch's kernels never hold all scores")
