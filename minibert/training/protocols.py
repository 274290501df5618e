"""What the loop asks of a task and its features; sequences, tokens and spans can all offer it.

A model is any `BertWithHead`; what it returns is known to it and its task alone.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minibert.tasks.losses import Loss


class Batch(Protocol):
    """Some examples as the model takes them; what their labels are is the task's business."""

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The arguments of the model's forward."""

    def to(self, device: torch.device) -> Self:
        """The same on another device."""


class FeatureSet(Protocol):
    """The features of many examples, tokenized."""

    ids: NDArray[np.int32]  # the word pieces of all examples, end to end
    lengths: NDArray[np.int64]  # (N,), in word pieces
    labels: Any  # as the task's `metrics` takes them; None where they are not known

    def __len__(self) -> int: ...

    def batch(self, rows: Sequence[int]) -> Batch:
        """These examples, padded to the longest of them."""


class Task(Protocol):
    """What to learn, and how to measure it."""

    @property
    def name(self) -> str:
        """What it is called, for titles."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The keys of what `metrics` returns."""

    def loss(self, out: Any, batch: Any, training: bool = False) -> Loss:
        """The loss of a model's output, summed; in training with smoothing and weights."""

    def collect(self, found: Sequence[tuple[list[int], Any]], features: Any) -> Any:
        """The outputs of all examples, in their own order, from (rows, output) of batches."""

    def metrics(self, found: Any, labels: Any) -> dict[str, float]:
        """What is measured on that which `collect` returned."""

    def score(self, metrics: dict[str, float]) -> float:
        """The one number by which models are compared; higher is better."""
