"""What a checkpoint is, whatever its format: a config, label names, and tensors by name."""

import json
import mmap
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from minibert.checkpoint.names import Place
from minibert.checkpoint.relatives import Relative
from minibert.config import BertConfig
from minibert.errors import CheckpointError

# config.json, or bert_config.json as Google calls it
CONFIG_FILES = ("config.json", "bert_config.json")
LONGEST_JSON = 4 << 20  # bytes: room for 50,000 labels by name and number, or 30,000 tensors
DEEPEST_JSON = 64  # arrays and objects in each other: configs have 4, and the parser recurses
LARGEST_SIZE = 1 << 30  # any more, and torch cannot count the bytes of a matrix
WIDTHS = (
    "vocab_size hidden_size intermediate_size max_position_embeddings type_vocab_size"
).split()

Octets = npt.NDArray[np.uint8]


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


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds. Raises `CheckpointError` if it holds none."""
    try:
        with path.open("rb") as file:
            content = parse_json(file.read(LONGEST_JSON + 1))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def parse_json(octets: bytes) -> Any:
    """What a JSON text says. Raises `ValueError` if it is none, or too long or too deep.

    Objects in which a name stands twice are refused: programs differ in which one counts.
    """
    if len(octets) > LONGEST_JSON:
        raise ValueError(f"longer than {LONGEST_JSON:,} bytes")
    text = octets.decode("utf-8")
    _check_depth(text)
    return json.loads(text, object_pairs_hook=_object)


def _check_depth(text: str) -> None:
    """Raises `ValueError` where arrays and objects lie too deep in each other."""
    steps = {"[": 1, "{": 1, "]": -1, "}": -1}
    depth = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*+"?|[][{}]', text, re.DOTALL):  # strings, brackets
        depth += steps.get(found[0], 0)
        if depth > DEEPEST_JSON:
            raise ValueError(f"arrays and objects in each other, more than {DEEPEST_JSON} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]!r} stands there twice")
    return dict(pairs)


def write_atomically(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    """Put `content`, given as it is or as a function that fills a file, at `path`: all or nothing.

    It is written beside `path` and then renamed, so a crash or a full disk leaves what was there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        if isinstance(content, str):
            beside.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            beside.write_bytes(content)
        else:
            content(beside)
        with beside.open("r+b") as written:
            os.fsync(written.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def map_bytes(path: Path, start: int, end: int) -> Octets:
    """A part of a file, mapped into memory: pages are read when touched, and copied if written to.

    The memory is free again when the array is. Raises `CheckpointError` if it cannot be had.
    """
    if start == end:
        return np.zeros(0, np.uint8)  # nothing to map
    page = start - start % mmap.ALLOCATIONGRANULARITY
    try:
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), end - page, access=mmap.ACCESS_COPY, offset=page)
    except (OSError, ValueError) as error:  # among them: a file that is shorter now
        raise CheckpointError(f"{path}: bytes {start} to {end} cannot be read ({error})") from error
    return np.frombuffer(memory, np.uint8)[start - page :]


def as_tensor(octets: Octets, dtype: str, shape: tuple[int, ...]) -> Tensor:
    """Little-endian numbers as a tensor on the same memory. dtype: torch's name for it."""
    array = octets.view(numpy_type(dtype))
    tensor = torch.from_numpy(np.require(array, requirements="A"))  # torch wants them aligned
    return (tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor).reshape(shape)


def numpy_type(dtype: str) -> np.dtype[Any]:
    """How NumPy reads a type in a file; it has no bfloat16, and takes those for int16."""
    return np.dtype("int16" if dtype == "bfloat16" else dtype).newbyteorder("<")


def own_copy(tensor: Tensor) -> Tensor:
    """The tensor as float32, row by row in memory of its own: the file may then change or go."""
    return tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
