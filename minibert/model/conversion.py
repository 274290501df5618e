"""From any checkpoint to one of the two formats, as any of the models."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from minibert import checkpoint
from minibert.checkpoint.huggingface import has_weights
from minibert.checkpoint.names import part_of
from minibert.errors import CheckpointError, ConfigError, MinibertError
from minibert.model import heads
from minibert.model.bert import BertModel
from minibert.model.pretrained import Pretrained
from minibert.tokenization import TOKENIZER_FILES, BertTokenizer

MODELS: dict[str, type[Pretrained]] = {
    "none": BertModel,
    "pretraining": heads.BertForPreTraining,
    "masked-lm": heads.BertForMaskedLM,
    "next-sentence": heads.BertForNextSentencePrediction,
    "sequence-classification": heads.BertForSequenceClassification,
    "multiple-choice": heads.BertForMultipleChoice,
    "token-classification": heads.BertForTokenClassification,
    "question-answering": heads.BertForQuestionAnswering,
}
# The model that files without architecture hold, by the parts that their tensors fill.
BY_PARTS = (
    ({"mlm", "next_sentence"}, "pretraining"),
    ({"mlm"}, "masked-lm"),
    ({"next_sentence"}, "next-sentence"),
    ({"span"}, "question-answering"),
    ({"classifier", "pooler"}, "sequence-classification"),
    ({"classifier"}, "token-classification"),
)
# How the files call types that can be written again without rounding.
WRITTEN = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class Conversion(NamedTuple):
    """What was written."""

    model: Pretrained
    kind: str  # which model that is, in words
    table: checkpoint.LoadTable  # how the source was read
    dtype: str
    tokenizer: str  # what became of it, in words


def convert(
    source: str | Path,
    target: Path,
    to: str = "huggingface",
    dtype: str | None = None,
    head: str | None = None,
    overwrite: bool = False,
    verify: bool = True,
) -> Conversion:
    """Read `source` and write it into the folder `target`.

    to: "huggingface" or "tensorflow". dtype: "float32", "float16" or "bfloat16"; None keeps the
    source's. head: a key of `MODELS`; None keeps the head that the source has. The tokenizer goes
    along where the source has one and it is BERT's.

    No weight is invented: of a source without pooler, "none" writes the body without one. Raises
    `CheckpointError` if the source lacks a weight of the head's, or anything is wrong with it, and
    `ConfigError` if `target` holds something and not `overwrite`, is where the source lies, or
    holds weights that would be read in the place of those written.
    """
    files = checkpoint.open_checkpoint(source, verify)
    if head is not None and head not in MODELS:
        raise ConfigError(f"head {head!r} is none of {', '.join(MODELS)}")
    _check_target(target, files, to, overwrite)

    model = MODELS[head or _head_of(files)].from_pretrained(source, verify=verify)
    table = model.load_table
    assert table is not None
    kind = type(model).__name__
    if isinstance(model, BertModel) and table.new:  # the pooler: nothing else of a body may be new
        model.pooler = None
        table = replace(table, rows=tuple(row for row in table.rows if row.action != "new"))
    elif table.new:
        raise CheckpointError(
            f"{source} lacks {', '.join(table.new)}, which {kind} needs, and none "
            f"is invented; choose another --head ({', '.join(MODELS)})"
        )
    if isinstance(model, BertModel) and model.pooler is None:
        kind += " without pooler, which the source lacks"
    try:
        tokenizer = BertTokenizer.from_pretrained(source)
        tokenizer.check_fits(files.config.vocab_size)
        became = f"{tokenizer.vocab_size} word pieces"
    except MinibertError as error:
        tokenizer, became = None, f"none ({error})"
        for name in TOKENIZER_FILES:  # with --overwrite: it belonged to what was there
            (target / name).unlink(missing_ok=True)
    dtype = dtype or _dtype_of(files)
    model.save_pretrained(target, tokenizer, to, dtype)
    return Conversion(model, kind, table, dtype, became)


def _check_target(target: Path, files: checkpoint.Checkpoint, to: str, overwrite: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; name a folder")
    if target.resolve() == files.directory.resolve():
        raise ConfigError(f"{target} is where the source lies; choose another folder")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise ConfigError(f"{target} is not empty; choose another folder, or give --overwrite")
    if to == "tensorflow" and has_weights(target):
        raise ConfigError(
            f"{target} holds weights in Hugging Face's format, which would be read before "
            "TensorFlow's; choose another folder"
        )


def _head_of(files: checkpoint.Checkpoint) -> str:
    """The head that a checkpoint has, as its config says or else its tensors."""
    if files.relative:
        return "none"
    for name, kind in MODELS.items():
        if kind.__name__ == files.architecture:
            return name
    parts = {part_of(row.target) for row in checkpoint.load_table(files).rows if row.target}
    return next((head for needed, head in BY_PARTS if needed <= parts), "none")


def _dtype_of(files: checkpoint.Checkpoint) -> str:
    """The commonest type of its tensors, if it is one that can be written; else float32."""
    dtypes = Counter(entry.dtype for entry in files.entries.values())
    common = dtypes.most_common(1)[0][0] if dtypes else "float32"
    common = WRITTEN.get(common, common)
    return common if common in checkpoint.DTYPES else "float32"
