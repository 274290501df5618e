"""What training asks of a task and its features; sequences, tokens and spans can all offer it.

The loop asks little, `Task`; a run from files to a report asks more, `WholeTask`. A model is any
`BertWithHead`; what it returns is known to it and its task alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray

from minibert.model.bert import BertWithHead
from minibert.tasks.losses import Loss
from minibert.tasks.signs import Signs
from minibert.tasks.sources import Sources
from minibert.tokenization import BertTokenizer


class Batch(Protocol):
    """Some examples as the model takes them; what their labels are is the task's business."""

    @property
    def inputs(self) -> dict[str, Any]:
        """The arguments of the model's forward."""

    def to(self, device: torch.device) -> Self:
        """The same on another device."""


class FeatureSet(Protocol):
    """The features of many examples, tokenized."""

    ids: NDArray[np.int32]  # the word pieces of all examples, end to end
    lengths: NDArray[np.int64]  # (N,), in word pieces
    labels: Any  # None where they are not known
    truncated: int  # how many examples were too long, and lost something

    def __len__(self) -> int: ...

    def packed(self, rows: Sequence[int]) -> Batch:
        """These examples end to end, without padding."""

    def report(self) -> str:
        """How many examples there are and how many were cut; in more lines what else is amiss."""


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

    def metrics(self, found: Any, features: Any) -> dict[str, float]:
        """What is measured on that which `collect` returned, where the features are labelled."""

    def score(self, metrics: dict[str, float]) -> float:
        """The one number by which models are compared; higher is better."""


class WholeTask(Task, Protocol):
    """A task with its data and its reports; an example is what its `examples` returns."""

    @property
    def model(self) -> type[BertWithHead[Any]]:
        """The model that learns it."""

    @property
    def num_labels(self) -> int | None:
        """Outputs of the model's head; None where the head has no choice."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The model's classes in the order of their numbers; none where it has no classes."""

    @property
    def takes(self) -> str:
        """The options by which `predict` is given an example."""

    def prepared(self, sources: Sources) -> Self:
        """The task with what only its training data can tell, such as its classes."""

    def facts(self) -> dict[str, Any]:
        """What settings.json must hold, beside the settings, for the task to be made again."""

    def examples(self, split: str, sources: Sources) -> list[Any]:
        """The examples of "train", "dev", "test", or another split that the task has."""

    def read(self, path: Path, labelled: bool = True) -> list[Any]:
        """The examples of one file. Raises `DataError` naming file and place."""

    def more_dev_splits(self, sources: Sources) -> tuple[str, ...]:
        """Splits that are evaluated beside "dev"."""

    def features(
        self,
        examples: Sequence[Any],
        tokenizer: BertTokenizer,
        max_length: int,
        training: bool = False,
    ) -> FeatureSet:
        """The examples as the model takes them; for training without those that teach nothing."""

    def weighted(
        self,
        class_weights: Literal["balanced"] | tuple[float, ...],
        label_smoothing: float,
        labels: Any,
    ) -> Self:
        """The task with classes weighted and labels smoothed in training, if it can have that."""

    def signs(self, found: Any, features: Any) -> Signs:
        """What speaks for and against a result."""

    def chosen(self, found: Any) -> dict[str, float]:
        """What the dev set decides beside the model, such as a threshold."""

    def settled(self, chosen: Mapping[str, float]) -> Self:
        """The task with what its run has chosen so."""

    def write_predictions(self, path: Path, examples: Sequence[Any], found: Any) -> None:
        """One file with an answer for every example."""

    def write_results(
        self,
        folder: Path,
        title: str,
        examples: Sequence[Any],
        found: Any,
        warnings: Sequence[str],
    ) -> object:
        """Predictions and report on labelled examples, into a run's folder; returned to print."""
