"""Which examples make up each batch, and in which order."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray


def random_batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Every example once, in random order; the last batch may be smaller."""
    order = torch.randperm(count, generator=generator).tolist()
    for start in range(0, count, batch_size):
        yield order[start : start + batch_size]


def sorted_batches(lengths: NDArray[np.int64], batch_size: int) -> Iterator[list[int]]:
    """Every example once, longest first: little padding, and too little memory shows at once."""
    order = np.argsort(-lengths, kind="stable").tolist()
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
