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
from torch.torch_version import TorchVersion

from minibert.checkpoint.files import Entry
from minibert.checkpoint.json_files import LONGEST_JSON, parse_json
from minibert.checkpoint.mapping import as_tensor, map_bytes
from minibert.checkpoint.shards import shards_of
from minibert.errors import CheckpointError

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# The types that weights can be of: {as safetensors calls it: as torch calls it}
FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


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
    """The tensors of a safetensors file: 8 bytes with the header's length, the header, the numbers.

    The library compares the header with the file's length: no holes, nothing twice, nothing beyond.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_JSON:
                raise ValueError(f"a header of {length:,} bytes")
            with safe_open(path, framework="pt"):
                header = parse_json(file.read(length))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}); fetch it again"
        ) from error
    header.pop("__metadata__", None)
    entries = {}
    for name, told in header.items():
        start, end = (8 + length + offset for offset in told["data_offsets"])
        shape, dtype = tuple(told["shape"]), told["dtype"]
        read = partial(_read, path, name, dtype, shape, start, end)
        entries[name] = Entry(shape, dtype, path.name, read)
    return entries


def _read(
    path: Path, name: str, dtype: str, shape: tuple[int, ...], start: int, end: int
) -> Tensor:
    if dtype not in FLOATS:
        raise _not_weights(path, name, dtype)
    return as_tensor(map_bytes(path, start, end), FLOATS[dtype], shape)


def _not_weights(path: Path, name: str, dtype: str) -> CheckpointError:
    kinds = ", ".join(FLOATS.values())
    return CheckpointError(f"{path}: tensor {name} is {dtype}; weights are {kinds}")


def _pickled(path: Path) -> dict[str, Entry]:
    if TorchVersion(torch.__version__) < "2.6":
        raise CheckpointError(
            f"{path}: a pickle, which can hold code, and PyTorch {torch.__version__} can be made "
            "to run it (CVE-2025-32434); install PyTorch 2.6 or later, or get model.safetensors"
        )
    try:
        _check_archive(path)
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
    return {name: _pickled_entry(path, name, value) for name, value in state.items()}


def _check_archive(path: Path) -> None:
    """torch writes its archives uncompressed: nothing in them can be larger than the file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size > path.stat().st_size:
                    raise ValueError(f"{member.filename} has {member.file_size:,} bytes")


def _pickled_entry(path: Path, name: str, value: Tensor) -> Entry:
    """Refuses what is larger than the file (a view can repeat a number), or not plainly there."""
    dtype = str(value.dtype).removeprefix("torch.")
    if value.layout != torch.strided or value.device.type != "cpu":
        raise CheckpointError(f"{path}: tensor {name} is {value.layout} on {value.device}")
    if value.numel() * value.element_size() > path.stat().st_size:
        raise CheckpointError(f"{path}: tensor {name} of {tuple(value.shape)} is beyond the file")

    def read() -> Tensor:
        if dtype not in FLOATS.values():
            raise _not_weights(path, name, dtype)
        return value.detach()

    return Entry(tuple(value.shape), dtype, path.name, read)
