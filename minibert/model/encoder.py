"""The encoder: attention, then a feed-forward network, twelve times over in BERT-base.

The output of each is added to its input, and the sum is normalised: post-norm, as in both papers.
(Most later models normalise before the sublayer instead.)

Source: Vaswani et al. 2017, section 3.1; google-research/bert, `modeling.transformer_model`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from minibert.config import BertConfig
from minibert.model import functional
from minibert.model.attention import SelfAttention
from minibert.model.layers import Dropout, LayerNorm
from minibert.model.layout import Layout
from minibert.trace import enter_layer, leave_layers, recording, stage


class FeedForward(nn.Module):
    """Expand to F, activate, contract to D; the same at every position."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.inner = nn.Linear(config.hidden_size, config.intermediate_size)
        self.outer = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = config.hidden_act  # a name in `functional`, looked up at each call

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (..., D) to the same shape."""
        return functional.feed_forward(
            hidden,
            self.inner.weight,
            self.inner.bias,
            self.outer.weight,
            self.outer.bias,
            getattr(functional, self.activation),
        )


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each with dropout, residual sum and LayerNorm."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = LayerNorm(config)
        self.feed_forward = FeedForward(config)
        self.output_norm = LayerNorm(config)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, hidden: Tensor, layout: Layout, rows: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """hidden (B, S, D), or packed (T, D), to the same shape, or to the `rows` of it."""
        attended = self.dropout(self.attention(hidden, layout, rows))
        if rows is not None:
            hidden = rows(hidden)
        hidden = stage("attention.norm", self.attention_norm(hidden + attended))
        transformed = self.dropout(self.feed_forward(hidden))
        return stage("output", self.output_norm(hidden + transformed))


class Encoder(nn.Module):
    """The stack of layers; they share nothing but their shape.

    With `checkpointing` the backward pass computes each layer anew from its input, with the same
    dropout, instead of keeping all that happened inside: less memory for a third more time.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.checkpointing = False
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, hidden: Tensor, layout: Layout, rows: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """hidden (B, S, D), or packed (T, D), to the same shape.

        rows: which rows the last layer is wanted for, such as `layout.first_token`. They ask all
        tokens as ever; all that comes after the attention is computed for them alone.
        """
        # What is recorded is kept anyhow, and would be recorded twice.
        recompute = self.checkpointing and torch.is_grad_enabled() and not recording()
        for index, layer in enumerate(self.layers):
            enter_layer(index)
            wanted = rows if index == len(self.layers) - 1 else None
            if recompute:
                hidden = checkpoint(layer, hidden, layout, wanted, use_reentrant=False)
            else:
                hidden = layer(hidden, layout, wanted)
        leave_layers()
        return hidden
