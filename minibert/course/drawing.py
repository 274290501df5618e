"""What probes are made of, drawn from the generator of the hidden seed.

Sizes are pairwise distinct, so that no two dimensions can be mistaken for each other, and differ
from seed to seed.
"""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

Thing = TypeVar("Thing")


def normal(
    generator: torch.Generator,
    *shape: int,
    mean: float = 0.0,
    deviation: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Numbers from the normal distribution."""
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (mean + deviation * numbers).to(dtype)


def whole(generator: torch.Generator, low: int, high: int, *shape: int) -> Tensor:
    """Whole numbers from low to high - 1."""
    return torch.randint(low, high, shape, generator=generator)


def number(generator: torch.Generator, low: int, high: int) -> int:
    """One whole number from low to high - 1."""
    return int(whole(generator, low, high))


def sizes(generator: torch.Generator, count: int, low: int = 2, high: int = 8) -> list[int]:
    """Pairwise distinct sizes from low to high - 1."""
    return (low + torch.randperm(high - low, generator=generator)[:count]).tolist()


def pick(generator: torch.Generator, things: Sequence[Thing], count: int) -> list[Thing]:
    """Some of these things, the same one perhaps more than once."""
    return [things[place] for place in whole(generator, 0, len(things), count).tolist()]


def shuffled(generator: torch.Generator, things: Sequence[Thing]) -> list[Thing]:
    """All of these things in another order."""
    return [things[place] for place in torch.randperm(len(things), generator=generator).tolist()]


def holes(generator: torch.Generator, *shape: int) -> Tensor:
    """A mask, True = attend, with True and False anywhere, and at least one of each in a row."""
    mask = torch.rand(shape, generator=generator) < 0.6
    mask[..., 0] = True
    mask[..., -1] = False
    return mask.gather(-1, torch.rand(shape, generator=generator).argsort(-1))


def right_padded(generator: torch.Generator, rows: int, size: int) -> Tensor:
    """A mask (rows, 1, 1, size), True = attend: rows of different lengths, the first one full."""
    lengths = whole(generator, 1, size, rows)
    lengths[0] = size
    return (torch.arange(size) < lengths[:, None])[:, None, None, :]


def linear(
    generator: torch.Generator, name: str, inputs: int, outputs: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The weight (outputs, inputs) and bias of a linear layer; the bias is not zero."""
    deviation = inputs**-0.5
    return {
        f"{name}.weight": normal(generator, outputs, inputs, deviation=deviation, dtype=dtype),
        f"{name}.bias": normal(generator, outputs, deviation=0.5, dtype=dtype),
    }


def norm(
    generator: torch.Generator, name: str, width: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The weight and bias of a LayerNorm: not one, and not zero."""
    return {
        f"{name}.weight": normal(generator, width, mean=1.0, deviation=0.5, dtype=dtype),
        f"{name}.bias": normal(generator, width, deviation=0.5, dtype=dtype),
    }
