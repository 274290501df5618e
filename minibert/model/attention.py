"""Multi-head self-attention: the module that owns its weights, and the ways to compute it.

Source: Vaswani et al. 2017, section 3.2.2; google-research/bert, `modeling.attention_layer`, and
`modeling.transformer_model` for the output projection.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as torch_functional

from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.kernels.availability import why_not
from minibert.model import functional
from minibert.trace import recording, stage

if TYPE_CHECKING:
    from minibert.model.layout import Layout


class SelfAttention(nn.Module):
    """Every token asks all tokens of its sequence (query, key) and takes what it needs (value).

    Left and right alike, itself included, with no causal mask: that is the B, bidirectional, of
    BERT.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout_p = config.attention_probs_dropout_prob

    def forward(
        self, hidden: Tensor, layout: "Layout", rows: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """hidden (B, S, D), or packed (T, D), to the same shape, or to the `rows` of it."""
        query = stage("attention.query", self.query(hidden))
        key = stage("attention.key", self.key(hidden))
        value = stage("attention.value", self.value(hidden))
        dropout_p = self.dropout_p if self.training else 0.0
        # Within each sequence, padded or packed: the layout lays the tokens out for `multi_head`.
        # query (B, S, D) | (T, D) -> (B, S, D) | (T, D)
        context = layout.attend(query, key, value, self.heads, dropout_p)
        stage("attention.context", context)
        if rows is not None:
            context = rows(context)
        return stage("attention.output", self.output(context))


def multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    mask: Tensor | None,
    way: str,
    dropout_p: float,
) -> Tensor:
    """Cut into heads, attend in each by itself, lay the results side by side.

    query, key, value (B, S, D), mask (B, 1, 1, S) or None, to context (B, S, D).
    """
    query = functional.split_heads(query, heads)  # query (B, S, D) -> (B, H, S, W)
    key = functional.split_heads(key, heads)  # key (B, S, D) -> (B, H, S, W)
    value = functional.split_heads(value, heads)  # value (B, S, D) -> (B, H, S, W)
    context = WAYS[way](query, key, value, mask, dropout_p)  # query (B, H, S, W) -> (B, H, S, W)
    return functional.merge_heads(context)  # context (B, H, S, W) -> (B, S, D)


def show_probabilities(query: Tensor, key: Tensor, mask: Tensor | None) -> None:
    """Record the scores and probabilities of a way that holds none itself; without dropout.

    query, key (B, H, S, W), mask (B, 1, 1, S) or None.
    """
    # query (B, H, S, W) -> (B, H, S, S)
    scores = stage("attention.scores", functional.attention_scores(query, key))
    stage("attention.probs", functional.masked_softmax(scores, mask))


def sdpa_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float
) -> Tensor:
    """`functional.scaled_dot_product_attention` by torch's own kernels.

    The better ones never hold all scores at once. Shapes, mask and rows without an attendable key
    as there. While recording, scores and probs are computed beside, without dropout; the result
    stays the same to the bit.
    """
    if recording():
        show_probabilities(query, key, mask)
    if mask is None:
        return torch_functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout_p)
    # torch's kernels differ on rows without a key: let those attend to all, and blank the result.
    attendable = mask.any(-1, keepdim=True)  # mask (B, 1, 1, S) -> (B, 1, 1, 1)
    mask = mask | ~attendable
    context = torch_functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
    return context.masked_fill(~attendable, 0.0)  # context (B, H, S, W) -> (B, H, S, W)


def math_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float
) -> Tensor:
    """The explicit way: the reference for all others. The function is looked up at each call.

    In float32 at least, also under autocast: MiniLM's scores come near 50, where
    bfloat16 counts in steps of a quarter, which the softmax makes errors of a quarter.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        context = functional.scaled_dot_product_attention(
            query.to(wide), key.to(wide), value.to(wide), mask, dropout_p
        )
    return context.to(query.dtype)


# The ways that know rows of equal length. "fused" does not care where sequences lie: see `layout`.
WAYS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]] = {
    "math": math_attention,
    "sdpa": sdpa_attention,
}


class Choice(NamedTuple):
    """A way to compute attention, and why it was taken."""

    way: str
    reason: str


def check_way(wanted: str) -> None:
    """Raises `ConfigError` if `wanted` is neither "auto" nor a way to compute attention."""
    names = ("auto", *WAYS, "fused")
    if wanted not in names:
        raise ConfigError(f"attention {wanted!r} is unknown; choose {', '.join(names)}")


def choose(
    wanted: str, device: torch.device, training: bool, dtype: torch.dtype, width: int
) -> Choice:
    """The way to take for `wanted` on this device, for heads of this dtype and width.

    (`benchmarks/step_cpu.py` and `attention_gpu.py` measure them.) Raises `ConfigError` if "fused"
    is asked for where it cannot run.
    """
    check_way(wanted)
    if wanted in WAYS:
        return Choice(wanted, "as asked")
    hindrance = why_not(device, dtype, width)
    if wanted == "fused":
        if hindrance:
            instead = choose("auto", device, training, dtype, width)
            raise ConfigError(
                f"attention 'fused' cannot run here: {hindrance}. 'auto' would take "
                f"{instead.way} ({instead.reason})"
            )
        return Choice(wanted, "as asked")
    if device.type == "cpu":
        if training:
            return Choice("math", "torch's kernels are slow at dropout and backward on the CPU")
        return Choice("sdpa", "torch's kernels are the fastest here")
    if hindrance:
        return Choice("sdpa", f"fused cannot run here: {hindrance}")
    if dtype == torch.float32:
        return Choice("sdpa", "fused is for 16 bits: tensor cores do not multiply float32")
    return Choice("fused", "it skips padding and drops out inside; holes in a mask become a bias")
