"""One label or score for a text or a pair of texts: what all tasks of this kind share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minibert.checkpoint.files import write_atomically
from minibert.errors import ConfigError
from minibert.model.heads import Logits
from minibert.tasks.losses import Loss, Weighting, balanced_weights, weighted_cross_entropy
from minibert.tasks.metrics import METRICS
from minibert.tokenization import BertTokenizer


class Example(NamedTuple):
    """A text, or a pair, as it stands in a file."""

    text: str
    pair: str | None
    label: int | float | None  # class number or score; None where it is not known


class Batch(NamedTuple):
    """Some examples as the model takes them."""

    inputs: dict[str, Tensor]  # input_ids, attention_mask, token_type_ids: (B, S) each
    labels: Tensor | None  # (B,)

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Batch({name: value.to(device) for name, value in self.inputs.items()}, labels)


class Answer(NamedTuple):
    """A prediction in words."""

    value: str | float  # the class's name, or the score
    probabilities: dict[str, float]  # of every class; empty where a score is predicted

    @property
    def text(self) -> str:
        """The value as it is printed."""
        return self.value if isinstance(self.value, str) else f"{self.value:.3f}"


class Features:
    """The word-piece ids of many examples, tokenized once and kept end to end without padding."""

    def __init__(
        self,
        examples: Sequence[Example],
        tokenizer: BertTokenizer,
        max_length: int,
        at_once: int = 4096,
    ):
        """Pieces beyond max_length are cut off; `truncated` counts the examples concerned."""
        ids, segments, lengths = [], [], []
        self.truncated = 0
        self.pad_id = tokenizer.pad_id
        for start in range(0, len(examples), at_once):
            some = examples[start : start + at_once]
            pairs = None if some[0].pair is None else [example.pair or "" for example in some]
            for encoding in tokenizer.encode_batch([e.text for e in some], pairs, max_length):
                ids.append(np.array(encoding.ids, dtype=np.int32))
                segments.append(np.array(encoding.type_ids, dtype=np.int8))
                lengths.append(len(encoding.ids))
                self.truncated += bool(encoding.overflowing)
        self.ids, self.segments = np.concatenate(ids), np.concatenate(segments)
        self.lengths = np.array(lengths)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        labels = [example.label for example in examples]
        self.labels = None if None in labels else torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Sequence[int]) -> Batch:
        """These examples in rows, padded on the right to the longest of them."""
        longest = int(self.lengths[list(rows)].max())
        ids = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        segments = np.zeros_like(ids)
        mask = np.zeros_like(ids)
        for line, row in enumerate(rows):
            length, start = self.lengths[row], self.starts[row]
            ids[line, :length] = self.ids[start : start + length]
            segments[line, :length] = self.segments[start : start + length]
            mask[line, :length] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
        labels = None if self.labels is None else self.labels[list(rows)]
        return Batch({name: torch.from_numpy(value) for name, value in inputs.items()}, labels)


@dataclass(frozen=True)
class SequenceTask:
    """What to learn, and how to measure it."""

    name: str
    label_names: tuple[str, ...]  # in the order of their numbers; none: a score is predicted
    metric_names: tuple[str, ...]  # keys of METRICS; the first decides which model is best
    weighting: Weighting = field(default=Weighting(), kw_only=True)  # of the loss in training

    @property
    def num_labels(self) -> int:
        """Outputs that the model's head needs."""
        return len(self.label_names) or 1

    def weighted(
        self,
        class_weights: Literal["balanced"] | tuple[float, ...],
        label_smoothing: float,
        labels: Tensor,
    ) -> Self:
        """The same task, its classes weighted and its labels smoothed in training.

        labels (N,): the training set's, by which "balanced" is reckoned. Raises `ConfigError`
        where a task has no classes, or another number of them than there are weights.
        """
        if not class_weights and not label_smoothing:
            return self
        if not self.label_names:
            raise ConfigError(
                f"{self.name} predicts a score: class weights and label smoothing are for classes"
            )
        if class_weights == "balanced":
            class_weights = balanced_weights(labels, self.num_labels)
        if class_weights and len(class_weights) != self.num_labels:
            raise ConfigError(
                f"{len(class_weights)} class weights for {self.name}, which has "
                f"{self.num_labels} classes: {', '.join(self.label_names)}"
            )
        return replace(self, weighting=Weighting(class_weights, label_smoothing))

    def loss(self, out: Logits, batch: Batch, training: bool = False) -> Loss:
        """Cross-entropy for classes, squared error for scores; logits (B, C), labels (B,).

        In training as `weighting` says; else plain, so that runs can be compared.
        """
        labels = batch.labels
        assert labels is not None, "an unlabelled batch has no loss"
        logits = out.logits if out.logits.dtype == torch.float64 else out.logits.float()
        if self.label_names:
            weighting = self.weighting if training else Weighting()
            return weighted_cross_entropy(logits, labels, weighting)
        errors = (logits[:, 0] - labels) ** 2
        return Loss(errors.sum(), torch.ones_like(errors).sum())

    def collect(
        self, found: Sequence[tuple[list[int], Logits]], features: Features
    ) -> NDArray[np.float32]:
        """Logits (N, C) of all examples in their own order, from (rows, output) of batches."""
        logits = np.empty((len(features), self.num_labels), np.float32)
        for rows, out in found:
            logits[rows] = out.logits
        return logits

    def metrics(
        self, logits: NDArray[np.float32], labels: NDArray[np.generic] | Tensor
    ) -> dict[str, float]:
        """Each of the task's metrics; logits (N, C), labels (N,)."""
        labels = np.asarray(labels)
        guesses = logits.argmax(-1) if self.label_names else logits[:, 0]
        return {name: METRICS[name](guesses, labels) for name in self.metric_names}

    def score(self, metrics: dict[str, float]) -> float:
        """The one number by which models are compared; higher is better."""
        return metrics[self.metric_names[0]]

    def answer(self, logits: NDArray[np.float32]) -> Answer:
        """What the logits (C,) of one example mean."""
        if not self.label_names:
            return Answer(float(logits[0]), {})
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        named = dict(zip(self.label_names, map(float, shares), strict=True))
        return Answer(self.label_names[int(logits.argmax())], named)

    def write_predictions(
        self, path: Path, examples: Sequence[Example], logits: NDArray[np.float32]
    ) -> None:
        """A TSV with one row an example: label if known, prediction, probabilities, texts."""
        header = ["index", "label", "prediction", *self.label_names, "text", "pair"]
        lines = ["\t".join(header)]
        for index, (example, row) in enumerate(zip(examples, logits, strict=True)):
            answer = self.answer(row)
            shares = (f"{share:.4f}" for share in answer.probabilities.values())
            texts = (re.sub(r"[\t\r\n]", " ", text or "") for text in (example.text, example.pair))
            cells = (index, self._label(example.label), answer.text, *shares, *texts)
            lines.append("\t".join(map(str, cells)))
        write_atomically(path, "\n".join(lines) + "\n")

    def _label(self, label: int | float | None) -> str | float:
        if label is None:
            return ""
        return self.label_names[int(label)] if self.label_names else label
