"""The name table: what Hugging Face's files call a tensor, and what we call it.

This is the only place that knows both. Names stand for modules; `.weight` and `.bias` follow by
themselves, and `{n}` is a layer's number. The body's names carry the prefix `bert.` in files of
models with a head, and none in files of the body alone.
"""

import re
from dataclasses import dataclass

# (Hugging Face, minibert)
BODY = (
    ("embeddings.word_embeddings", "embeddings.token"),
    ("embeddings.position_embeddings", "embeddings.position"),
    ("embeddings.token_type_embeddings", "embeddings.segment"),
    ("embeddings.LayerNorm", "embeddings.norm"),
    ("encoder.layer.{n}.attention.self.query", "encoder.layers.{n}.attention.query"),
    ("encoder.layer.{n}.attention.self.key", "encoder.layers.{n}.attention.key"),
    ("encoder.layer.{n}.attention.self.value", "encoder.layers.{n}.attention.value"),
    ("encoder.layer.{n}.attention.output.dense", "encoder.layers.{n}.attention.output"),
    ("encoder.layer.{n}.attention.output.LayerNorm", "encoder.layers.{n}.attention_norm"),
    ("encoder.layer.{n}.intermediate.dense", "encoder.layers.{n}.feed_forward.inner"),
    ("encoder.layer.{n}.output.dense", "encoder.layers.{n}.feed_forward.outer"),
    ("encoder.layer.{n}.output.LayerNorm", "encoder.layers.{n}.output_norm"),
    ("pooler.dense", "pooler.dense"),
)
HEADS = (
    ("cls.predictions.transform.dense", "mlm.dense"),
    ("cls.predictions.transform.LayerNorm", "mlm.norm"),
    ("cls.predictions", "mlm"),  # its bias
    ("cls.seq_relationship", "next_sentence"),
    ("classifier", "classifier"),
    ("qa_outputs", "span"),
)
# Tensors that repeat another one: (Hugging Face, the one of ours that it must equal).
TIED = {
    "cls.predictions.decoder.weight": "embeddings.token.weight",
    "cls.predictions.decoder.bias": "mlm.bias",
}
IGNORED = {
    "embeddings.position_ids": "the numbers 0, 1, 2, ...; counted where they are needed",
    "embeddings.token_type_ids": "a buffer of zeros; made where it is needed",
}
# Files of 2018 and 2019 call LayerNorm's parameters by their Greek names.
OLD_ENDINGS = {".gamma": ".weight", ".beta": ".bias"}


@dataclass(frozen=True)
class Place:
    """Where a tensor of a file belongs: exactly one of the first three is set, or none: unknown."""

    ours: str | None = None  # this parameter of ours (body names without the prefix `bert.`)
    tied: str | None = None  # the same values as this parameter of ours
    ignored: str | None = None  # nowhere, for this reason
    note: str = ""  # what is unusual about the name


def place(theirs: str) -> Place:
    """Look up one name of a Hugging Face file."""
    note = ""
    name = theirs.removeprefix("bert.")
    for old, new in OLD_ENDINGS.items():
        if name.endswith(old):
            name, note = name.removesuffix(old) + new, f"old name: {old[1:]} for {new[1:]}"
    if name in IGNORED:
        return Place(ignored=IGNORED[name], note=note)
    if name in TIED:
        return Place(tied=TIED[name], note=note)
    stem, _, ending = name.rpartition(".")
    layer = re.fullmatch(r"(encoder\.layer\.)(\d+)(\..+)", stem)
    pattern = f"{layer[1]}{{n}}{layer[3]}" if layer else stem
    ours = dict(BODY + HEADS).get(pattern)
    if ours is None or ending not in ("weight", "bias"):
        return Place()
    return Place(ours=ours.replace("{n}", layer[2] if layer else "") + "." + ending, note=note)


def theirs(ours: str) -> str:
    """Hugging Face's name for a parameter of ours, with or without `bert.` as it came."""
    prefix = "bert." if ours.startswith("bert.") else ""
    stem, _, ending = ours.removeprefix("bert.").rpartition(".")
    layer = re.fullmatch(r"(encoder\.layers\.)(\d+)(\..+)", stem)
    pattern = f"{layer[1]}{{n}}{layer[3]}" if layer else stem
    names = {mine: other for other, mine in BODY + HEADS}
    return prefix + names[pattern].replace("{n}", layer[2] if layer else "") + "." + ending


def is_body(ours: str) -> bool:
    """Whether a parameter of ours belongs to the body, which no checkpoint may lack."""
    return ours.removeprefix("bert.").startswith(("embeddings.", "encoder."))
