"""Where the tokens of a batch lie: padded to one length, or packed end to end.

Decided once, when the input enters (`make_layout`); everything else asks the layout for positions,
for the first tokens, and for attention, and never needs to know which of the two it is.

    padded  (B, S)  the cat sat . / hello [PAD] [PAD] [PAD]     mask 1 1 1 1 / 1 0 0 0
    packed  (T,)    the cat sat . hello                         cu_seqlens 0 4 5
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from minibert import kernels
from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.model import functional
from minibert.model.attention import multi_head, show_probabilities
from minibert.trace import recording, unrecorded

LIKE = 16  # tokens: sequences whose lengths differ by less may share padded rows


class Segments(NamedTuple):
    """Where sequences lie among the rows of a tensor, told as the fused kernels want it.

    Sequence i owns the rows cu_seqlens[i] to [i + 1], of which the first lengths[i] are attended to
    (None: all). The kernels skip the others, and write zeros there.
    """

    cu_seqlens: Tensor  # (B + 1,)
    max_seqlen: int
    lengths: Tensor | None = None  # (B,)
    bias: Tensor | None = None  # added to the scores; broadcasts to (B, H, S, S)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, heads: int, dropout_p: float
    ) -> Tensor:
        """Attention within each sequence: all rows end to end, whether padding or not."""
        # query (B * S, D) | (T, D) -> (B * S, H, W) | (T, H, W)
        query = query.unflatten(-1, (heads, -1))
        # key (B * S, D) | (T, D) -> (B * S, H, W) | (T, H, W)
        key = key.unflatten(-1, (heads, -1))
        # value (B * S, D) | (T, D) -> (B * S, H, W) | (T, H, W)
        value = value.unflatten(-1, (heads, -1))
        context = kernels.fused_attention(
            query,
            key,
            value,
            self.cu_seqlens,
            self.max_seqlen,
            dropout_p,
            bias=self.bias,
            lengths=self.lengths,
        )
        return context.flatten(1)  # context (B * S, H, W) | (T, H, W) -> (B * S, D) | (T, D)


class Padded:
    """Sequences in rows of equal length; a mask, if any, says which tokens may be attended to.

    The mask hides padding as key. As query, padding still gets an output: it means nothing, and
    nobody may read it. A layout also knows the way to compute attention, so that modules need not.
    """

    def __init__(
        self, batch: int, length: int, device: torch.device, mask: Tensor | None, way: str
    ):
        self.length, self.device, self.way = length, device, way
        self.mask = None
        if mask is not None:
            self.mask = mask.bool()[:, None, None, :]  # mask (B, S) -> (B, 1, 1, S)
        if way == "fused":
            self.segments = self._segments(batch)

    def _segments(self, batch: int) -> Segments:
        """A padded batch is a packed one whose sequences have room at their ends: nothing moves.

        A sequence goes up to its last attendable token; other tokens that the mask hides get a bias
        of -inf as keys. (To ask whether there are any would mean to wait for the GPU.)
        """
        starts = torch.arange(batch + 1, device=self.device, dtype=torch.int32) * self.length
        if self.mask is None:
            return Segments(starts, self.length)
        bias = torch.zeros(self.mask.shape, device=self.device)
        bias = bias.masked_fill(~self.mask, float("-inf"))
        ends = self.mask * torch.arange(1, self.length + 1, device=self.device, dtype=torch.int32)
        lengths = ends.amax((1, 2, 3))  # ends (B, 1, 1, S) -> (B,)
        return Segments(starts, self.length, lengths, bias)

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
        if self.way != "fused":
            return multi_head(query, key, value, heads, self.mask, self.way, dropout_p)
        if recording():
            self.show(query, key, heads)
        context = self.segments.attend(
            query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1), heads, dropout_p
        )
        return context.view(query.shape)  # context (B * S, D) -> (B, S, D)

    def show(self, query: Tensor, key: Tensor, heads: int) -> None:
        """Record scores and probabilities, which the fused kernels never hold."""
        query = functional.split_heads(query, heads)  # query (B, S, D) -> (B, H, S, W)
        key = functional.split_heads(key, heads)  # key (B, S, D) -> (B, H, S, W)
        show_probabilities(query, key, self.mask)


class Packed:
    """Sequences end to end without padding: sequence i is tokens cu_seqlens[i] to [i + 1].

    For the fused kernels that is the plain case. The other ways know rows of one length: for those,
    and for looking at scores, tokens are copied to padded rows, and fetched back. An empty sequence
    has a first token of zeros.
    """

    def __init__(self, cu_seqlens: Tensor, max_seqlen: int, tokens: int, way: str):
        self.way, self.segments = way, Segments(cu_seqlens, max_seqlen)
        cu_seqlens = cu_seqlens.long()
        self.starts, self.lengths = cu_seqlens[:-1], cu_seqlens.diff()
        # Of each token, its sequence, and its place in that: (T,) each.
        token = torch.arange(tokens, device=cu_seqlens.device)
        self.sequence = torch.searchsorted(cu_seqlens[1:], token, right=True)
        self.column = token - self.starts[self.sequence]
        if way != "fused":
            self.rows = Rows(self, by_length(self.lengths, max_seqlen), way)

    def positions(self) -> Tensor:
        """0, 1, 2, ... anew for every sequence: (T,)."""
        return self.column

    def first_token(self, hidden: Tensor) -> Tensor:
        """The hidden state of each sequence's first token, [CLS]."""
        last = len(hidden) - 1  # a trailing empty sequence starts behind it: read any, then blank
        first = hidden[self.starts.clamp(max=last)]  # hidden (T, D) -> (B, D)
        return first.masked_fill((self.lengths == 0)[:, None], 0.0)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, heads: int, dropout_p: float
    ) -> Tensor:
        """Attention within each sequence: query, key, value (T, D) to context (T, D)."""
        if recording():
            self.show(query, key, heads)
        if self.way == "fused":
            return self.segments.attend(query, key, value, heads, dropout_p)
        with unrecorded():
            return self.rows.attend(query, key, value, heads, dropout_p)

    def show(self, query: Tensor, key: Tensor, heads: int) -> None:
        """Record scores and probabilities of all sequences, (B, H, S, S), beside the result."""
        all_in_one = Rows(self, one_block(self.lengths, self.segments.max_seqlen), "math")
        (block,), (query,), (key,) = all_in_one.blocks, all_in_one.lay(query), all_in_one.lay(key)
        block.show(query, key, heads)


class Block(NamedTuple):
    """Sequences of a packed batch that share a block of padded rows."""

    sequences: Tensor  # their numbers
    length: int  # of the rows: the longest of them, or more


def one_block(lengths: Tensor, longest: int) -> list[Block]:
    """All sequences in a single block."""
    return [Block(torch.arange(len(lengths), device=lengths.device), longest)]


def by_length(lengths: Tensor, longest: int) -> list[Block]:
    """Sequences of like length together, so that little of a block is padding.

    Attention over padding costs as much as over tokens, and grows with the square of the rows'
    length: in training MiniLM on SQuAD's windows, half of them padding, one block needs 3 times the
    processor time of blocks by length. (A GPU would have to be waited for to know the lengths, and
    a compiled model must not depend on them: there, all are one block.)
    """
    if lengths.device.type != "cpu" or torch.compiler.is_compiling():
        return one_block(lengths, longest)
    steps = lengths.add(LIKE - 1) // LIKE
    alike = [(steps == step).nonzero()[:, 0] for step in steps[steps > 0].unique()]
    return [Block(sequences, int(lengths[sequences].max())) for sequences in alike]


class Rows:
    """Packed sequences in blocks of padded rows; the places of all blocks, end to end, are P."""

    def __init__(self, packed: Packed, blocks: list[Block], way: str):
        device = packed.lengths.device
        self.blocks: list[Padded] = []
        self.sizes: list[int] = []  # how many places each block has
        starts = torch.zeros_like(packed.starts)  # of each sequence among the places
        for sequences, length in blocks:
            row = torch.arange(len(sequences), device=device)
            starts[sequences] = sum(self.sizes) + row * length
            real = torch.arange(length, device=device) < packed.lengths[sequences][:, None]
            self.blocks.append(Padded(len(sequences), length, device, real, way))
            self.sizes.append(len(sequences) * length)
        self.place = starts[packed.sequence] + packed.column  # of each token, (T,)

    def lay(self, x: Tensor) -> list[Tensor]:
        """The tokens x (T, D) in the rows of each block; behind a sequence's end stand zeros.

        Every token is copied to a place of its own, so the way back is a copy, too. (Were tokens
        looked up for all places, the backward pass would have to add up, one by one.)
        """
        # x (T, D) -> (B * S, D)
        places = x.new_zeros(sum(self.sizes), x.shape[-1]).index_copy(0, self.place, x)
        rows = zip(places.split(self.sizes), self.blocks, strict=True)
        return [part.unflatten(0, (-1, block.length)) for part, block in rows]

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, heads: int, dropout_p: float
    ) -> Tensor:
        """Attention within each sequence, block by block: query, key, value (T, D) to (T, D)."""
        rows = zip(self.lay(query), self.lay(key), self.lay(value), strict=True)
        contexts = [
            block.attend(*of_block, heads, dropout_p).flatten(0, 1)
            for block, of_block in zip(self.blocks, rows, strict=True)
        ]
        context = torch.cat(contexts)
        return context.index_select(0, self.place)  # context (B * S, D) -> (T, D)


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
        return Padded(batch, length, input_ids.device, attention_mask, way)

    if attention_mask is not None:
        raise ConfigError("give either attention_mask (padded) or cu_seqlens (packed), not both")
    if input_ids.dim() != 1:
        raise ConfigError(
            f"with cu_seqlens, input_ids must be packed (tokens,), not {tuple(input_ids.shape)}"
        )
    whole = cu_seqlens.dtype in (torch.int32, torch.int64)
    if cu_seqlens.dim() != 1 or len(cu_seqlens) < 2 or not whole:
        raise ConfigError("cu_seqlens must hold whole numbers, (sequences + 1,): 0, then each end")
    _check_length(len(input_ids) and 1, config)
    if cu_seqlens.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_boundaries(cu_seqlens.tolist(), len(input_ids), max_seqlen)
    if max_seqlen is None:
        max_seqlen = int(cu_seqlens.diff().max())
    _check_length(max_seqlen, config)
    return Packed(cu_seqlens, max_seqlen, len(input_ids), way)


def _check_length(length: int, config: BertConfig) -> None:
    if length == 0:
        raise ConfigError("input_ids holds no token at all")
    if length > config.max_position_embeddings:
        raise ConfigError(
            f"a sequence of {length} tokens is longer than the model's "
            f"{config.max_position_embeddings} positions; truncate it (max_length) or cut it into "
            "windows"
        )


def _check_boundaries(boundaries: list[int], tokens: int, max_seqlen: int | None) -> None:
    """On a GPU this would wait for the device in every step, so it is done on the CPU alone."""
    lengths = [end - start for start, end in pairwise(boundaries)]
    if boundaries[0] != 0 or boundaries[-1] != tokens or min(lengths) < 0:
        raise ConfigError(
            f"cu_seqlens must rise from 0 to the {tokens} tokens of input_ids, not {boundaries}"
        )
    if max_seqlen is not None and max_seqlen < max(lengths):
        raise ConfigError(f"max_seqlen {max_seqlen} is below the longest sequence, {max(lengths)}")
