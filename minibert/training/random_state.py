"""Where all random number generators stand, so that a resumed run draws on as if never stopped."""

import random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from minibert.errors import RunError


class RandomState(NamedTuple):
    """The global generators of Python, NumPy and PyTorch, as files can hold them."""

    tensors: dict[str, Tensor]  # {"torch", "cuda.0", ...: (bytes,) of uint8}
    state: dict[str, Any]  # {"python", "numpy": JSON}


def random_state() -> RandomState:
    """Where the generators stand now: those of all GPUs too, if this process has used one."""
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        for number, state in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"cuda.{number}"] = state
    kind, key, position, has_gauss, gauss = np.random.get_state(legacy=True)
    numpy = [kind, [int(word) for word in key], position, has_gauss, gauss]
    return RandomState(tensors, {"python": random.getstate(), "numpy": numpy})


def restore_random_state(saved: RandomState) -> list[str]:
    """Put all generators back; returns the names of those that this machine does not have.

    Raises `RunError` if something is no generator's state.
    """
    try:
        version, words, gauss = saved.state["python"]
        random.setstate((version, tuple(words), gauss))
        kind, key, *rest = saved.state["numpy"]
        np.random.set_state((kind, np.array(key, dtype=np.uint32), *rest))
        torch.set_rng_state(saved.tensors["torch"])
        absent = []
        for name in sorted(saved.tensors.keys() - {"torch"}):
            number = int(name.removeprefix("cuda."))
            if number < torch.cuda.device_count():
                torch.cuda.set_rng_state(saved.tensors[name], number)
            else:
                absent.append(name)
        return absent
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise RunError(f"the saved random state is none ({error!r})") from error
