"""Open a checkpoint, whatever its format: find the files, read the config, list the tensors."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from minibert.checkpoint.files import CONFIG_FILES, Checkpoint
from minibert.checkpoint.huggingface import ACTIVATIONS, has_weights, open_weights
from minibert.checkpoint.json_files import read_json
from minibert.checkpoint.leveldb import is_table
from minibert.checkpoint.names import Place, place, place_google
from minibert.checkpoint.relatives import relative_of
from minibert.checkpoint.sources import find
from minibert.checkpoint.tensorflow import index_of, read_index
from minibert.config import BertConfig
from minibert.errors import CheckpointError, ConfigError

REQUIRED = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size"
).split()


def open_checkpoint(source: str | Path, verify: bool = True) -> Checkpoint:
    """Read the config and list the tensors of `source` (as in `Pretrained.from_pretrained`).

    verify: compare the checksums of a TensorFlow checkpoint; the other formats have none.

    Raises `CheckpointError` naming the file and what is wrong with it.
    """
    directory = find(source)
    prefix = _tensorflow_prefix(Path(source), directory)
    config_file = _config_file(directory, google=prefix is not None)
    raw = read_json(config_file)
    relative = relative_of(raw, config_file)
    config = _config(raw if relative is None else relative.as_bert(raw), config_file)
    architectures = raw.get("architectures")
    architecture = architectures[0] if isinstance(architectures, list) and architectures else None
    names: Callable[[str], Place]
    if prefix is not None:
        kind, entries, names = "tensorflow", read_index(prefix, verify), place_google
    else:
        kind, entries = open_weights(directory)
        names = place if relative is None else partial(relative.place, relative.first_position(raw))
    return Checkpoint(
        directory, kind, config, architecture, _label_names(raw), entries, names, relative
    )


def _config_file(directory: Path, google: bool) -> Path:
    """The config that belongs to the weights; if both are there, that of their format."""
    names = CONFIG_FILES[::-1] if google else CONFIG_FILES
    own, other = (directory / name for name in names)
    return other if other.is_file() and not own.is_file() else own


def _tensorflow_prefix(source: Path, directory: Path) -> Path | None:
    """What the TensorFlow checkpoint is called that `source` means; None if it means another.

    Where a directory has both, Hugging Face's files are read.
    """
    if index_of(source).is_file():
        return source
    if has_weights(directory):
        return None
    prefixes = {path.with_suffix("") for path in directory.glob("*.index")}
    prefixes |= {path for path in directory.glob("*.ckpt") if path.is_file() and is_table(path)}
    if len(prefixes) > 1:
        names = ", ".join(sorted(path.name for path in prefixes))
        raise CheckpointError(
            f"{directory}: several checkpoints ({names}); name one, as {min(prefixes)}"
        )
    return prefixes.pop() if prefixes else None


def _config(raw: dict[str, Any], path: Path) -> BertConfig:
    embedding = raw.get("position_embedding_type", "absolute")
    if embedding != "absolute":
        raise CheckpointError(f"{path}: position_embedding_type {embedding!r} is not BERT's")
    if raw.get("is_decoder") or raw.get("add_cross_attention"):
        raise CheckpointError(f"{path}: a decoder with a causal mask, which this BERT has not")
    missing = [name for name in REQUIRED if name not in raw]
    if missing:
        raise CheckpointError(f"{path}: has no {', '.join(missing)}")
    fields = {name: raw[name] for name in BertConfig.__dataclass_fields__ if name in raw}
    if fields.get("pad_token_id", 0) is None:
        del fields["pad_token_id"]
    activation = fields.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise CheckpointError(
            f"{path}: hidden_act {activation!r} is none of {', '.join(ACTIVATIONS)}"
        )
    fields["hidden_act"] = ACTIVATIONS[activation]
    try:
        return BertConfig(**fields)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _label_names(raw: dict[str, Any]) -> tuple[str, ...]:
    named = raw.get("id2label")
    if not isinstance(named, dict):
        return ()
    return tuple(str(named.get(str(i), f"LABEL_{i}")) for i in range(len(named)))
