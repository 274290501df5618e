"""Where the tokens of a batch lie: padded to one length, or packed end to end.

Decided once, when the input enters (`make_layout`); everything else asks the layout for positions,
for the first tokens, and for attention, and never needs to know which of the two it is.

    padded  (B, S)  the cat sat . / hello [PAD] [PAD] [PAD]     mask 1 1 1 1 / 1 0 0 0
    packed  (T,)    the cat sat . hello                         cu_seqlens 0 4 5
"""

from itertools import pairwise

import torch
from torch import Tensor

from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.model import attention, functional


class Padded:
    """Sequences in rows of equal length; a mask, if any, says which tokens may be attended to."""

    def __init__(
        self, batch: int, length: int, device: torch.device, way: str, mask: Tensor | None
    ):
        self.batch, self.length, self.device, self.way = batch, length, device, way
        self.mask = None
        if mask is not None:
            self.mask = mask.bool()[:, None, None, :]  # mask (B, S) -> (B, 1, 1, S)

    def positions(self) -> Tensor:
        """0, 1, 2, ... in every row: (1, S)."""
        return torch.arange(self.length, device=self.device)[None]

    def first_token(self, hidden: Tensor) -> Tensor:
        """The hidden state of each sequence's first token, [CLS]."""
        return hidden[:, 0]  # hidden (B, S, D) -> (B, D)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, heads: int, dropout_p: float
    ) -> Tensor:
        """Attention within each sequence: query, key, value (B, S, D) to context (B, S, D)."""
        query = functional.split_heads(query, heads)  # query (B, S, D) -> (B, H, S, W)
        key = functional.split_heads(key, heads)  # key (B, S, D) -> (B, H, S, W)
        value = functional.split_heads(value, heads)  # value (B, S, D) -> (B, H, S, W)
        context = attention.WAYS[self.way](query, key, value, self.mask, dropout_p)
        return functional.merge_heads(context)  # context (B, H, S, W) -> (B, S, D)


class Packed:
    """Sequences end to end without padding; sequence i holds tokens starts[i] to starts[i + 1].

    Attention lays them out in padded rows and takes them back: exact, and simple. An empty sequence
    has a first token of zeros.
    """

    def __init__(self, cu_seqlens: Tensor, max_seqlen: int, tokens: int, way: str):
        device = cu_seqlens.device
        cu_seqlens = cu_seqlens.long()
        self.starts, self.lengths = cu_seqlens[:-1], cu_seqlens.diff()
        batch = len(self.lengths)
        token = torch.arange(tokens, device=device)
        self.sequence = torch.searchsorted(cu_seqlens[1:], token, right=True)
        self.position = token - self.starts[self.sequence]
        column = torch.arange(max_seqlen, device=device)
        real = column < self.lengths[:, None]  # self.lengths (B,) -> (B, S)
        # The token at each padded place; behind a sequence's end any other one, to be masked.
        # self.starts (B,) -> (B, S)
        self.source = (self.starts[:, None] + column).clamp(max=tokens - 1)
        self.padded = Padded(batch, max_seqlen, device, way, real)

    def positions(self) -> Tensor:
        """0, 1, 2, ... anew for every sequence: (T,)."""
        return self.position

    def first_token(self, hidden: Tensor) -> Tensor:
        """The hidden state of each sequence's first token, [CLS]."""
        last = len(hidden) - 1
        first = hidden[self.starts.clamp(max=last)]  # hidden (T, D) -> (B, D)
        return first.masked_fill((self.lengths == 0)[:, None], 0.0)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, heads: int, dropout_p: float
    ) -> Tensor:
        """Attention within each sequence: query, key, value (T, D) to context (T, D)."""
        query = query[self.source]  # query (T, D) -> (B, S, D)
        key = key[self.source]  # key (T, D) -> (B, S, D)
        value = value[self.source]  # value (T, D) -> (B, S, D)
        context = self.padded.attend(query, key, value, heads, dropout_p)
        return context[self.sequence, self.position]  # context (B, S, D) -> (T, D)


Layout = Padded | Packed


def make_layout(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    cu_seqlens: Tensor | None,
    max_seqlen: int | None,
    config: BertConfig,
    way: str,
) -> Layout:
    """The layout of one batch, after checking that its tensors fit together and fit the model.

    Raises `ConfigError` naming the shape or the number that does not fit.
    """
    if cu_seqlens is None:
        if max_seqlen is not None:
            raise ConfigError("max_seqlen belongs to packed input: give cu_seqlens as well")
        if input_ids.dim() != 2:
            raise ConfigError(
                f"input_ids must be (batch, sequence), or packed (tokens,) with cu_seqlens; "
                f"this is {tuple(input_ids.shape)}"
            )
        if attention_mask is not None and attention_mask.shape != input_ids.shape:
            raise ConfigError(
                f"attention_mask {tuple(attention_mask.shape)} must have the shape of input_ids, "
                f"{tuple(input_ids.shape)}"
            )
        batch, length = input_ids.shape
        _check_length(length, config)
        return Padded(batch, length, input_ids.device, way, attention_mask)

    if attention_mask is not None:
        raise ConfigError("give either attention_mask (padded) or cu_seqlens (packed), not both")
    if input_ids.dim() != 1:
        raise ConfigError(
            f"with cu_seqlens, input_ids must be packed (tokens,), not {tuple(input_ids.shape)}"
        )
    if cu_seqlens.dim() != 1 or len(cu_seqlens) < 2 or cu_seqlens.is_floating_point():
        raise ConfigError("cu_seqlens must hold whole numbers, (sequences + 1,): 0, then each end")
    if cu_seqlens.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_boundaries(cu_seqlens.tolist(), len(input_ids), max_seqlen)
    if max_seqlen is None:
        max_seqlen = int(cu_seqlens.diff().max())
    _check_length(max_seqlen, config)
    return Packed(cu_seqlens, max_seqlen, len(input_ids), way)


def _check_length(length: int, config: BertConfig) -> None:
    if length > config.max_position_embeddings:
        raise ConfigError(
            f"a sequence of {length} tokens is longer than the model's "
            f"{config.max_position_embeddings} positions; truncate it (max_length) or cut it into "
            "windows"
        )


def _check_boundaries(boundaries: list[int], tokens: int, max_seqlen: int | None) -> None:
    """On a GPU this would wait for the device in every step, so it is done on the CPU alone."""
    lengths = [end - start for start, end in pairwise(boundaries)]
    if tokens == 0:
        raise ConfigError("input_ids holds no token at all")
    if boundaries[0] != 0 or boundaries[-1] != tokens or min(lengths) < 0:
        raise ConfigError(
            f"cu_seqlens must rise from 0 to the {tokens} tokens of input_ids, not {boundaries}"
        )
    if max_seqlen is not None and max_seqlen < max(lengths):
        raise ConfigError(f"max_seqlen {max_seqlen} is below the longest sequence, {max(lengths)}")
