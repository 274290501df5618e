"""Arguments and results as trees of plain values, and how they travel between two processes.

They travel as JSON for the tree and `.npz` for the arrays. Nothing is unpickled: what a learner's
process has written cannot run code in the grader.
"""

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor

LARGEST_FILE = 2**28  # bytes that are read back, and that the child may write: 256 MiB
LONGEST_SHOWN = 60  # characters of a value in a report


class Other(NamedTuple):
    """Stands for a value that is none of those that an exercise may return."""

    type: str  # such as "set"


def snapshot(value: Any) -> Any:
    """A copy that later changes do not reach: detached tensors, plain values, `Other` for the rest.

    numpy's scalars become Python's numbers, subclasses the class itself.
    """
    if isinstance(value, Tensor):
        try:
            # Conjugates, views and other devices become plain memory; a sparse tensor cannot.
            plain = value.detach().cpu().resolve_conj().resolve_neg()
            return torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            return Other(f"Tensor that cannot be read ({error})"[:200])
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    for plain_type in (int, float, str):
        if isinstance(value, plain_type):
            return plain_type(value)
    if isinstance(value, list):
        return [snapshot(one) for one in value]
    if isinstance(value, tuple) and not isinstance(value, Other):
        return tuple(snapshot(one) for one in value)
    if isinstance(value, dict):
        return {snapshot(key): snapshot(one) for key, one in value.items()}
    return Other(type(value).__name__)


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of a tree, from left to right."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors(one)


def kind_of(value: Any) -> str:
    """The type of a snapshot in a learner's words."""
    if isinstance(value, Other):
        return value.type
    return "None" if value is None else type(value).__name__


def shown(value: Any) -> str:
    """A short text for a value, with nothing in it that a terminal could take for a command."""
    if isinstance(value, Tensor):
        if value.numel() == 1:
            return shown(value.item())
        return f"Tensor {tuple(value.shape)}"
    if isinstance(value, Other):
        return f"a {value.type}"
    text = f"{value:.7g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def clean(text: str) -> str:
    """A learner's text in one line: what is not printable, such as colours, is spelled out."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def same(one: Any, other: Any) -> bool:
    """Whether two trees agree to the last bit; NaN is equal to itself."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and _same_bits(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.is_floating_point():
        return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    return torch.equal(one, other)


def pack(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """A snapshot as JSON can hold it; its arrays go into `arrays`, by the names that JSON gives.

    Containers become lists that begin with their kind: ["tuple", ...]; all else stays itself.
    """
    if isinstance(value, Tensor):
        name = f"a{len(arrays)}"
        dtype = str(value.dtype).removeprefix("torch.")
        # numpy has no bfloat16: it travels as float32, which holds all of its numbers
        plain = value.float() if value.dtype == torch.bfloat16 else value
        arrays[name] = plain.detach().numpy()
        return ["tensor", name, dtype]
    if isinstance(value, Other):
        return ["other", value.type]
    if isinstance(value, list):
        return ["list", *(pack(one, arrays) for one in value)]
    if isinstance(value, tuple):
        return ["tuple", *(pack(one, arrays) for one in value)]
    if isinstance(value, dict):
        return ["dict", *([pack(key, arrays), pack(one, arrays)] for key, one in value.items())]
    return value


def unpack(packed: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The inverse of `pack`; raises ValueError, TypeError or KeyError for what it has not made."""
    if not isinstance(packed, list):
        if packed is None or isinstance(packed, bool | int | float | str):
            return packed
        raise ValueError(f"not a packed value: {type(packed).__name__}")
    kind, *rest = packed
    if kind == "tensor":
        name, dtype = rest
        return torch.from_numpy(arrays[name].copy()).to(getattr(torch, str(dtype)))
    if kind == "other":
        return Other(clean(str(rest[0])))
    if kind == "list":
        return [unpack(one, arrays) for one in rest]
    if kind == "tuple":
        return tuple(unpack(one, arrays) for one in rest)
    if kind == "dict":
        return {unpack(key, arrays): unpack(one, arrays) for key, one in rest}
    raise ValueError(f"not a packed value: {kind}")


def write_arrays(file: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Write an `.npz` that `read_arrays` reads."""
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_arrays(content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an `.npz`, none of them an object; raises ValueError if they are too large."""
    with ZipFile(BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_FILE:
            raise ValueError("the arrays are too large")
    with np.load(BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
