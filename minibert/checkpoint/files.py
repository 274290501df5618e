"""What a checkpoint is, whatever its format: a config, label names, and tensors by name."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minibert.checkpoint import disk
from minibert.checkpoint.names import Place
from minibert.config import BertConfig
from minibert.errors import CheckpointError


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
    place: Callable[[str], Place]  # what the names of `entries` mean: a function of `names`


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds. Raises `CheckpointError` if it holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except (ValueError, OSError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def write_atomically(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    """Put `content`, given as it is or as a function that fills a file, at `path`: all or nothing.

    It is written beside `path` and then renamed, so a crash or a full disk leaves what was there;
    once this returns, a power cut cannot take it back.
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
        beside.chmod(0o644)
        with beside.open("r+b", buffering=0) as written:
            disk.sync(written)
        disk.rename(beside, path)
        disk.sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def own_copy(tensor: Tensor) -> Tensor:
    """The tensor as float32, row by row in memory of its own: the file may then change or go."""
    return tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
