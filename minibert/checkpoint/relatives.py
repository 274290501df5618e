"""Relatives of BERT: models whose body computes what BERT's does, under other names.

What `BertModel` needs of them is said here, row by row; their heads and tokenizers stay their own.

    RoBERTa     counts positions from the padding's id on, so its first rows belong to no position;
                one segment. XLM-RoBERTa and CamemBERT are RoBERTas.
    DistilBERT  every module has another name; no segments (a row of zeros adds none), no pooler
    ELECTRA     BERT's names, no pooler. Where embeddings are narrower than hidden states, a layer
                that BERT has not makes them wider: refused

Source: Liu et al. 2019, "RoBERTa"; Sanh et al. 2019, "DistilBERT"; Clark et al. 2020, "ELECTRA";
names as in the files of `transformers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minibert.checkpoint.names import BODY, IGNORED, Place, translate
from minibert.errors import CheckpointError

# (DistilBERT, minibert)
DISTILBERT = (
    ("embeddings.word_embeddings", "embeddings.token"),
    ("embeddings.position_embeddings", "embeddings.position"),
    ("embeddings.LayerNorm", "embeddings.norm"),
    ("transformer.layer.{n}.attention.q_lin", "encoder.layers.{n}.attention.query"),
    ("transformer.layer.{n}.attention.k_lin", "encoder.layers.{n}.attention.key"),
    ("transformer.layer.{n}.attention.v_lin", "encoder.layers.{n}.attention.value"),
    ("transformer.layer.{n}.attention.out_lin", "encoder.layers.{n}.attention.output"),
    ("transformer.layer.{n}.sa_layer_norm", "encoder.layers.{n}.attention_norm"),
    ("transformer.layer.{n}.ffn.lin1", "encoder.layers.{n}.feed_forward.inner"),
    ("transformer.layer.{n}.ffn.lin2", "encoder.layers.{n}.feed_forward.outer"),
    ("transformer.layer.{n}.output_layer_norm", "encoder.layers.{n}.output_norm"),
)
# (a field of BertConfig, DistilBERT's)
DISTILBERT_FIELDS = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}


@dataclass(frozen=True)
class Relative:
    """How one family differs from BERT."""

    name: str
    prefix: str  # of its body's names, where it has a head
    heads: tuple[str, ...]  # how its heads' names begin
    body: tuple[tuple[str, str], ...] = BODY
    fields: Mapping[str, str] = field(default_factory=dict)  # a field of BertConfig: its own
    counts_from_padding: bool = False  # the first token's position is pad_token_id + 1
    has_segments: bool = True
    has_pooler: bool = True

    def first_position(self, raw: Mapping[str, Any]) -> int:
        """The row of the position embeddings that the first token gets."""
        padding = self._padding(raw)
        return padding + 1 if self.counts_from_padding and isinstance(padding, int) else 0

    def _padding(self, raw: Mapping[str, Any]) -> Any:
        """The padding's id; where the config is silent, RoBERTa's is 1."""
        padding = raw.get("pad_token_id")
        return int(self.counts_from_padding) if padding is None else padding

    def as_bert(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The content of its config file, with BERT's fields."""
        fields = {**raw, "pad_token_id": self._padding(raw)}
        for ours, theirs in self.fields.items():
            if theirs in raw:
                fields[ours] = raw[theirs]
        if not self.has_segments:
            fields["type_vocab_size"] = 1
        if isinstance(rows := fields.get("max_position_embeddings"), int):
            fields["max_position_embeddings"] = rows - self.first_position(raw)
        return fields

    def place(self, first_position: int, theirs: str) -> Place:
        """Look up one name of its files."""
        name = theirs.removeprefix(self.prefix)
        if name in IGNORED:
            return Place(ignored=IGNORED[name])
        stem, _, ending = name.rpartition(".")
        module = translate(stem, self.body)
        if module is not None and ending in ("weight", "bias"):
            ours = f"{module}.{ending}"
            if first_position and ours == "embeddings.position.weight":
                note = f"the first {first_position} rows belong to no position and are left out"
                return Place(ours=ours, note=note, first_row=first_position)
            return Place(ours=ours)
        if theirs.startswith(self.heads):
            return Place(ignored=f"a head of {self.name}; only its body is BERT's")
        return Place()


ROBERTA = Relative(
    name="RoBERTa",
    prefix="roberta.",
    heads=("lm_head.", "classifier.", "qa_outputs."),
    counts_from_padding=True,
)
RELATIVES = {
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "distilbert": Relative(
        name="DistilBERT",
        prefix="distilbert.",
        heads=("vocab_", "pre_classifier.", "classifier.", "qa_outputs."),
        body=DISTILBERT,
        fields=DISTILBERT_FIELDS,
        has_segments=False,
        has_pooler=False,
    ),
    "electra": Relative(
        name="ELECTRA",
        prefix="electra.",
        heads=("discriminator_", "generator_", "classifier.", "qa_outputs.", "sequence_summary."),
        has_pooler=False,
    ),
}
STRANGERS = {
    "albert": "ALBERT uses one layer's weights for all layers",
    "deberta": "DeBERTa attends to relative positions by weights of their own",
    "deberta-v2": "DeBERTa attends to relative positions by weights of their own",
    "modernbert": "ModernBERT rotates positions into queries and keys, and normalises before",
    "mobilebert": "MobileBERT squeezes every layer through a bottleneck",
    "mpnet": "MPNet adds a bias for relative positions to the scores",
}


def relative_of(raw: Mapping[str, Any], file: Path) -> Relative | None:
    """The family that a config file names; None for BERT itself.

    Raises `CheckpointError` for a family whose body is not BERT's, saying why.
    """
    kind = raw.get("model_type", "bert")
    if kind == "bert":
        return None
    relative = RELATIVES.get(kind) if isinstance(kind, str) else None
    if relative is None:
        reason = STRANGERS.get(kind, "unknown here") if isinstance(kind, str) else "unknown here"
        known = ", ".join(RELATIVES)
        raise CheckpointError(
            f"{file}: model_type is {kind!r}, not BERT ({reason}); read are bert and, as BertModel "
            f"alone, {known}"
        )
    width = raw.get("embedding_size", raw.get("hidden_size"))
    if width != raw.get("hidden_size"):
        raise CheckpointError(
            f"{file}: embeddings of width {width}, which {relative.name} makes wider, to "
            f"{raw.get('hidden_size')}, by a layer that BERT has not; only equal sizes are read"
        )
    return relative
