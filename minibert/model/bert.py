"""BertModel: embeddings, encoder, pooler; and the base of every model that puts a head on top."""

from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from minibert.config import BertConfig
from minibert.errors import ConfigError
from minibert.model.attention import Choice, check_way, choose
from minibert.model.embeddings import Embeddings
from minibert.model.encoder import Encoder
from minibert.model.layout import make_layout
from minibert.model.pretrained import Pretrained
from minibert.trace import recording, stage

Out = TypeVar("Out", bound=NamedTuple)  # what a model with a head returns


class BertOutput(NamedTuple):
    """What `BertModel` returns."""

    last_hidden_state: Tensor  # (B, S, D), or packed (T, D); or of first tokens alone (B, D)
    pooled_output: Tensor | None  # (B, D); None where the model has no pooler


class Pooler(nn.Module):
    """The first token's state through a linear layer and tanh: the sequence in one vector.

    Pretraining teaches it by next-sentence prediction alone; checkpoints without that have none.
    Source: google-research/bert, `modeling.BertModel`, scope "pooler".
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first_token: Tensor) -> Tensor:
        """first_token (B, D) to (B, D)."""
        return stage("pooled", torch.tanh(self.dense(first_token)))


class BertModel(Pretrained):
    """The body of BERT.

    `attention` is how attention is computed: "math", "sdpa", "fused", or "auto" (see
    `attention.choose`).
    `pooler=False` leaves out the pooler; heads that read every token need none.
    """

    reads_relatives = True

    def __init__(self, config: BertConfig, attention: str = "auto", pooler: bool = True):
        super().__init__(config)
        check_way(attention)
        self.attention = attention
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if pooler else None
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        max_seqlen: int | None = None,
        every_token: bool = True,
    ) -> BertOutput:
        """Hidden states and pooled output of a batch.

        Padded: input_ids (B, S), with attention_mask (B, S), 1 = may be attended to, in any
        pattern. Packed: input_ids (T,), all sequences end to end, with cu_seqlens (B + 1,), int32:
        cumulative lengths from 0 to T, so that sequence i is
        input_ids[cu_seqlens[i]:cu_seqlens[i + 1]]. max_seqlen, the longest, is looked up if not
        given, for which a GPU must be waited for. token_type_ids (0 first text, 1 second) and
        position_ids have the shape of input_ids. Without every_token the last layer is computed for
        first tokens alone, all that the pooler reads, and last_hidden_state is theirs, (B, D);
        while recording, for all.

        Raises `ConfigError` where shapes do not fit, a sequence is longer than the model's
        positions or (on the CPU) an id has no row in its table.
        """
        way = self.attention_choice(input_ids.device).way
        layout = make_layout(input_ids, attention_mask, cu_seqlens, max_seqlen, self.config, way)
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if position_ids is None:
            position_ids = layout.positions().expand_as(input_ids)
        for name, ids, rows in (
            ("input_ids", input_ids, self.config.vocab_size),
            ("token_type_ids", token_type_ids, self.config.type_vocab_size),
            ("position_ids", position_ids, self.config.max_position_embeddings),
        ):
            _check_ids(name, ids, rows, input_ids.shape)

        # input_ids (B, S) | (T,) -> (B, S, D) | (T, D)
        hidden = self.embeddings(input_ids, token_type_ids, position_ids)
        if every_token or recording():
            # hidden (B, S, D) | (T, D) -> (B, S, D) | (T, D)
            hidden = self.encoder(hidden, layout)
            first = layout.first_token(hidden)  # hidden (B, S, D) | (T, D) -> (B, D)
        else:
            # hidden (B, S, D) | (T, D) -> (B, D)
            hidden = self.encoder(hidden, layout, layout.first_token)
            first = hidden
        if self.pooler is None:
            return BertOutput(hidden, None)
        pooled = self.pooler(first)  # first (B, D) -> (B, D)
        return BertOutput(hidden, pooled)

    def attention_choice(self, device: torch.device) -> Choice:
        """How attention will be computed on this device, in this mode and autocast, and why.

        Raises `ConfigError` if it cannot be done as asked.
        """
        dtype = self.embeddings.token.weight.dtype
        if torch.is_autocast_enabled(device.type):
            dtype = torch.get_autocast_dtype(device.type)
        width = self.config.hidden_size // self.config.num_attention_heads
        return choose(self.attention, device, self.training, dtype, width)


def _check_ids(name: str, ids: Tensor, rows: int, shape: torch.Size) -> None:
    """Refuse ids of another shape, or without a row in their table.

    Values are looked at on the CPU alone: on a GPU that would stall every step.
    """
    if ids.shape != shape:
        raise ConfigError(f"{name} {tuple(ids.shape)} must have input_ids' shape, {tuple(shape)}")
    if ids.device.type != "cpu" or torch.compiler.is_compiling() or ids.numel() == 0:
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= rows:
        raise ConfigError(
            f"{name} holds {low if low < 0 else high}, but its table has rows 0 to {rows - 1}; "
            "do tokenizer and model belong together?"
        )


class BertWithHead(Pretrained, Generic[Out]):
    """A body and a head: a subclass makes the head's layers, then initialises them.

    It defines `head`, and so decides what the model returns.
    """

    uses_pooler = False
    reads_every_token = True  # else the pooled output alone

    def __init__(self, config: BertConfig, attention: str = "auto"):
        super().__init__(config)
        self.bert = BertModel(config, attention, pooler=self.uses_pooler)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        max_seqlen: int | None = None,
        num_choices: int | None = None,
    ) -> Out:
        """Input as in `BertModel.forward`; output as the class says.

        num_choices is for `BertForMultipleChoice`: so many sequences in a row are one question's.
        """
        body = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            cu_seqlens,
            max_seqlen,
            self.reads_every_token,
        )
        return self.head(body) if num_choices is None else self.head_of_choices(body, num_choices)

    def head(self, body: BertOutput) -> Out:
        """From the body's output to the model's."""
        raise NotImplementedError

    def head_of_choices(self, body: BertOutput, num_choices: int) -> Out:
        """The same where sequences are grouped."""
        raise ConfigError(f"num_choices is for BertForMultipleChoice, not {type(self).__name__}")
