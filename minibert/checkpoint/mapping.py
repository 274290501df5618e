"""Numbers in a file as tensors, without a copy: the file's pages are the memory."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from minibert.errors import CheckpointError

Octets = npt.NDArray[np.uint8]


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
