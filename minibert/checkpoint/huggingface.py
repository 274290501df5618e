"""Hugging Face's format: config.json beside model.safetensors or pytorch_model.bin.

Weights may be split over shards, with an index file that says which tensor lies where. A `.bin`
file is a pickle, which can hold code; it is read with `weights_only=True`, which refuses all but
tensors.
"""

import pickle
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from minibert.checkpoint.files import Entry
from minibert.checkpoint.shards import shards_of
from minibert.errors import CheckpointError

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def has_weights(directory: Path) -> bool:
    """Whether weights in this format lie in `directory`, whole or in shards."""
    ends = ("", ".index.json")
    named = any((directory / (name + end)).is_file() for name in WEIGHTS for end in ends)
    return named or len(list(directory.glob("*.pt"))) == 1


def open_weights(directory: Path) -> tuple[str, dict[str, Entry]]:
    """The kind of the weights in `directory`, and their tensors.

    Raises `CheckpointError` naming the file and what is wrong with it.
    """
    for name, read in zip(WEIGHTS, (_safetensors, _pickled), strict=True):
        kind = name.rpartition(".")[2]
        if (directory / name).is_file():
            return kind, read(directory / name)
        index = directory / f"{name}.index.json"
        if index.is_file():
            return f"{kind}, sharded", _sharded(index, read)
    if len(saved := sorted(directory.glob("*.pt"))) == 1:
        return "pt", _pickled(saved[0])
    there = sorted(path.name for path in directory.iterdir())[:8]
    raise CheckpointError(
        f"{directory}: no model.safetensors and no pytorch_model.bin there, nor TensorFlow's "
        f".index, only {', '.join(there) or 'nothing'}"
    )


def _sharded(index: Path, read: Any) -> dict[str, Entry]:
    weight_map = shards_of(index)
    shards = {}
    for file in sorted(set(weight_map.values())):
        if not (index.parent / file).is_file():
            raise CheckpointError(f"{index}: the shard {file} is missing beside it")
        shards[file] = read(index.parent / file)
    for name, file in weight_map.items():
        if name not in shards[file]:
            raise CheckpointError(f"{index}: tensor {name} is not in {file}")
    named = {name: shards[file][name] for name, file in weight_map.items()}
    unnamed = {name: entry for shard in shards.values() for name, entry in shard.items()}
    return named | {name: unnamed[name] for name in unnamed if name not in named}


def _safetensors(path: Path) -> dict[str, Entry]:
    try:
        handle = safe_open(path, framework="pt")
        entries = {}
        for name in handle.keys():  # noqa: SIM118 (not a dict)
            part = handle.get_slice(name)
            shape, dtype = tuple(part.get_shape()), str(part.get_dtype())
            entries[name] = Entry(shape, dtype, path.name, partial(handle.get_tensor, name))
        return entries
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}); fetch it again"
        ) from error


def _pickled(path: Path) -> dict[str, Entry]:
    try:
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        # torch's own message advises to read the file without the guard: it is not passed on
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named is None:
            raise CheckpointError(f"{path}: not a PyTorch file of tensors alone") from error
        raise CheckpointError(
            f"{path}: holds more than tensors ({named[1]}), and could run code; refused, nothing "
            "of it was run"
        ) from error
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(f"{path}: not a whole PyTorch file ({error})") from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]  # NVIDIA's, with the optimizer's state and the data's beside it
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise CheckpointError(f"{path}: not a table of names and tensors")
    return {
        name: Entry(
            tuple(value.shape), str(value.dtype).removeprefix("torch."), path.name, value.detach
        )
        for name, value in state.items()
    }
