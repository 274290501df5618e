"""The name tables: what Hugging Face's and Google's files call a tensor, and what we call it.

This is the only place that knows the others' names. Names stand for modules; `.weight` and `.bias`
follow by themselves, and `{n}` is a layer's number. In Hugging Face's files the body's names carry
the prefix `bert.` where the model has a head, and none where it is the body alone.
"""

import re
from collections.abc import Iterable
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
# NVIDIA's code fuses a dense layer with what follows it, and names it so: (NVIDIA, minibert).
NVIDIA = (
    ("encoder.layer.{n}.intermediate.dense_act", "encoder.layers.{n}.feed_forward.inner"),
    ("pooler.dense_act", "pooler.dense"),
    ("cls.predictions.transform.dense_act", "mlm.dense"),
)
# Parts of the model that a checkpoint may lack.
PARTS = ("pooler", "mlm", "next_sentence", "classifier", "span")
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


# Google's own files, TensorFlow's: (Google, minibert), again modules.
GOOGLE = (
    ("bert/embeddings/LayerNorm", "embeddings.norm"),
    ("bert/encoder/layer_{n}/attention/self/query", "encoder.layers.{n}.attention.query"),
    ("bert/encoder/layer_{n}/attention/self/key", "encoder.layers.{n}.attention.key"),
    ("bert/encoder/layer_{n}/attention/self/value", "encoder.layers.{n}.attention.value"),
    ("bert/encoder/layer_{n}/attention/output/dense", "encoder.layers.{n}.attention.output"),
    ("bert/encoder/layer_{n}/attention/output/LayerNorm", "encoder.layers.{n}.attention_norm"),
    ("bert/encoder/layer_{n}/intermediate/dense", "encoder.layers.{n}.feed_forward.inner"),
    ("bert/encoder/layer_{n}/output/dense", "encoder.layers.{n}.feed_forward.outer"),
    ("bert/encoder/layer_{n}/output/LayerNorm", "encoder.layers.{n}.output_norm"),
    ("bert/pooler/dense", "pooler.dense"),
    ("cls/predictions/transform/dense", "mlm.dense"),
    ("cls/predictions/transform/LayerNorm", "mlm.norm"),
)
# What follows a module there. A kernel is (inputs, outputs): transposed, as torch sees it.
GOOGLE_NORM = {"gamma": "weight", "beta": "bias"}
GOOGLE_DENSE = {"kernel": "weight", "bias": "bias"}
# Variables that Google made by hand, without a module: (Google, minibert). None is transposed.
GOOGLE_SINGLE = (
    ("bert/embeddings/word_embeddings", "embeddings.token.weight"),
    ("bert/embeddings/position_embeddings", "embeddings.position.weight"),
    ("bert/embeddings/token_type_embeddings", "embeddings.segment.weight"),
    ("cls/predictions/output_bias", "mlm.bias"),
    ("cls/seq_relationship/output_weights", "next_sentence.weight"),
    ("cls/seq_relationship/output_bias", "next_sentence.bias"),
    ("output_weights", "classifier.weight"),  # run_classifier.py
    ("output_bias", "classifier.bias"),
    ("cls/squad/output_weights", "span.weight"),  # run_squad.py
    ("cls/squad/output_bias", "span.bias"),
)
GOOGLE_IGNORED = {
    "global_step": "how many steps it was trained for; no weight",
    "adam_m": "Adam's running mean of a gradient; no weight",
    "adam_v": "Adam's running mean of a squared gradient; no weight",
}


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs: one of the first three is set, or none, if nobody knows it."""

    ours: str | None = None  # this parameter of ours (body names without the prefix `bert.`)
    tied: str | None = None  # the same values as this parameter of ours
    ignored: str | None = None  # nowhere, for this reason
    note: str = ""  # what is unusual about it
    transposed: bool = False  # rows and columns change places
    first_row: int = 0  # the rows before it are left out


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
    module = translate(stem, BODY + HEADS + NVIDIA)
    if module is None or ending not in ("weight", "bias"):
        return Place()
    return Place(ours=f"{module}.{ending}", note=note)


def place_google(theirs: str) -> Place:
    """Look up one name of Google's TensorFlow files."""
    stem, _, ending = theirs.rpartition("/")
    if ending in GOOGLE_IGNORED:
        return Place(ignored=GOOGLE_IGNORED[ending])
    if single := dict(GOOGLE_SINGLE).get(theirs):
        return Place(ours=single)
    module = translate(stem, GOOGLE)
    endings = GOOGLE_NORM if stem.endswith("LayerNorm") else GOOGLE_DENSE
    if module is None or ending not in endings:
        return Place()
    return Place(ours=f"{module}.{endings[ending]}", transposed=ending == "kernel")


def theirs(ours: str) -> str:
    """Hugging Face's name for a parameter of ours, with or without `bert.` as it came."""
    prefix = "bert." if ours.startswith("bert.") else ""
    stem, _, ending = ours.removeprefix("bert.").rpartition(".")
    module = translate(stem, [(mine, other) for other, mine in BODY + HEADS])
    if module is None:
        raise KeyError(ours)
    return f"{prefix}{module}.{ending}"


def theirs_google(ours: str) -> tuple[str, bool]:
    """Google's name for a parameter of ours, and whether it is transposed there."""
    name = ours.removeprefix("bert.")
    for other, mine in GOOGLE_SINGLE:
        if mine == name:
            return other, False
    stem, _, ending = name.rpartition(".")
    module = translate(stem, [(mine, other) for other, mine in GOOGLE])
    if module is None:
        raise KeyError(ours)
    endings = GOOGLE_NORM if module.endswith("LayerNorm") else GOOGLE_DENSE
    other = next(theirs for theirs, mine in endings.items() if mine == ending)
    return f"{module}/{other}", other == "kernel"


def translate(module: str, table: Iterable[tuple[str, str]]) -> str | None:
    """The name that `table` has for a module; None if it has none."""
    layer = re.fullmatch(r"(.*\blayers?[._])(\d+)([./].+)", module)
    pattern = f"{layer[1]}{{n}}{layer[3]}" if layer else module
    other = dict(table).get(pattern)
    return other and other.replace("{n}", layer[2] if layer else "")


def part_of(ours: str) -> str:
    """The part of the model that a parameter of ours belongs to: "encoder", "pooler", "mlm", ..."""
    return ours.removeprefix("bert.").partition(".")[0]


def is_core(ours: str) -> bool:
    """Whether it belongs to embeddings or encoder, which no checkpoint may lack."""
    return part_of(ours) in ("embeddings", "encoder")


def is_body(ours: str) -> bool:
    """Whether it belongs to the body: the core, or the pooler, which some checkpoints lack."""
    return is_core(ours) or part_of(ours) == "pooler"
