"""What a checkpoint is, whatever its format: a config, label names, and tensors by name."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from torch import Tensor

from minibert.checkpoint.names import Place
from minibert.checkpoint.relatives import Relative
from minibert.config import BertConfig
from minibert.errors import CheckpointError

# config.json, or bert_config.json as Google calls it
CONFIG_FILES = ("config.json", "bert_config.json")
LARGEST_SIZE = 1 << 30  # any more, and torch cannot count the bytes of a matrix
WIDTHS = (
    "vocab_size hidden_size intermediate_size max_position_embeddings type_vocab_size"
).split()


@dataclass(frozen=True)
class Entry:
    """One tensor of a checkpoint, not yet read."""

    shape: tuple[int, ...]
    dtype: str  # as the file says: "F32", "BF16", ...
    file: str  # name of the file that holds it
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint; tensors are read when asked for."""

    directory: Path
    format: str
    config: BertConfig
    architecture: str | None  # as the file says: "BertForMaskedLM", ...
    label_names: tuple[str, ...]
    entries: dict[str, Entry]
    place: Callable[[str], Place]  # what the names of `entries` mean
    relative: Relative | None = None  # the family, if it is not BERT itself

    @property
    def num_labels(self) -> int | None:
        """Rows of the classifier that lies in it, or label names in its config; None: neither."""
        for name, entry in self.entries.items():
            if self.place(name).ours == "classifier.weight" and entry.shape:
                return entry.shape[0]
        return len(self.label_names) or None

    def __post_init__(self) -> None:
        """Refuse sizes beyond those of the tensors, before a model of such sizes is made."""
        largest = max((prod(entry.shape) for entry in self.entries.values()), default=0)
        files = ", ".join(sorted({entry.file for entry in self.entries.values()}))
        for name in WIDTHS:
            size = getattr(self.config, name)
            if size > min(largest, LARGEST_SIZE):
                raise CheckpointError(
                    f"{self.directory}: the config has {name} {size:,}, but the largest tensor of "
                    f"{files} has {largest:,} numbers; they do not belong together"
                )
        if self.config.num_hidden_layers > len(self.entries):
            raise CheckpointError(
                f"{self.directory}: the config has num_hidden_layers "
                f"{self.config.num_hidden_layers:,}, but {files} holds {len(self.entries)} tensors "
                "in all; they do not belong together"
            )
