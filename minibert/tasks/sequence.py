"""One label or score for a text or a pair of texts: what all tasks of this kind share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minibert.checkpoint.disk import write_atomically
from minibert.errors import ConfigError, TokenizerError
from minibert.model import BertForSequenceClassification
from minibert.model.heads import Logits
from minibert.tasks.losses import Loss, Weighting, balanced_weights, weighted_cross_entropy
from minibert.tasks.metrics import METRICS
from minibert.tasks.sources import Sources
from minibert.tokenization import BertTokenizer

Truncation = Literal["head", "tail", "head-tail"]


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
        truncation: Truncation = "head",
    ):
        """Of examples longer than max_length `truncation` says what is kept (see `cut`).

        `truncated` counts them. Pairs are always cut at their ends, the longer text first.
        """
        ids, segments, lengths = [], [], []
        self.truncated = 0
        self.pad_id = tokenizer.pad_id
        for start in range(0, len(examples), at_once):
            some = examples[start : start + at_once]
            pairs = None if some[0].pair is None else [example.pair or "" for example in some]
            most = max_length if truncation == "head" else None
            for encoding in tokenizer.encode_batch([e.text for e in some], pairs, most):
                kept = cut(encoding.ids, max_length, truncation)
                ids.append(np.array(kept, dtype=np.int32))
                segments.append(np.array(encoding.type_ids[: len(kept)], dtype=np.int8))
                lengths.append(len(kept))
                self.truncated += bool(encoding.overflowing) or len(kept) < len(encoding.ids)
        self.ids, self.segments = np.concatenate(ids), np.concatenate(segments)
        self.lengths = np.array(lengths)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        labels = [example.label for example in examples]
        self.labels = None if None in labels else torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Sequence[int]) -> Batch:
        """These examples in rows, padded on the right to the longest of them."""
        return Batch(self.inputs(rows), None if self.labels is None else self.labels[list(rows)])

    def inputs(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """What the model takes of a batch."""
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
        return {name: torch.from_numpy(value) for name, value in inputs.items()}


def cut(ids: list[int], max_length: int, truncation: Truncation) -> list[int]:
    """The ids of one text, at most max_length of them, [CLS] and [SEP] kept.

    "head" keeps the beginning, "tail" the end, "head-tail" a quarter of the beginning and three
    quarters of the end: of 512 pieces the first 128 and the last 382 between the special tokens.
    Source: Sun et al. 2019, "How to fine-tune BERT for text classification?", section 5.3.1.
    """
    if len(ids) <= max_length:
        return ids
    room = max_length - 2
    if room < 1:
        raise TokenizerError(f"max_length {max_length} is too short: 3 at least")
    head = {"head": room, "tail": 0, "head-tail": room * 128 // 510}[truncation]
    first, pieces, last = ids[0], ids[1:-1], ids[-1]
    return [first, *pieces[:head], *pieces[len(pieces) - (room - head) :], last]


@dataclass(frozen=True)
class SequenceTask:
    """What to learn, and how to measure it.

    GLUE's tasks, sentiment and texts of one's own add where their examples come from.
    """

    model: ClassVar = BertForSequenceClassification

    name: str
    label_names: tuple[str, ...]  # in the order of their numbers; none: a score is predicted
    metric_names: tuple[str, ...]  # keys of METRICS; the first decides which model is best
    weighting: Weighting = field(default=Weighting(), kw_only=True)  # of the loss in training

    @property
    def num_labels(self) -> int:
        """Outputs that the model's head needs."""
        return len(self.label_names) or 1

    @property
    def about_pairs(self) -> bool:
        """Whether an example is a pair of texts."""
        return False

    def prepared(self, sources: Sources) -> Self:
        """The task with what only its training data can tell, such as its classes."""
        return self

    def facts(self) -> dict[str, Any]:
        """What settings.json must hold, beside the settings, for the task to be made again."""
        return {}

    def examples(self, split: str, sources: Sources) -> list[Example]:
        """The examples of "train", "dev", "test", or another split that the task has."""
        raise NotImplementedError

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The examples of one file. Raises `DataError` naming file and line."""
        raise NotImplementedError

    def more_dev_splits(self, sources: Sources) -> tuple[str, ...]:
        """Splits that are evaluated beside "dev"."""
        return ()

    def features(
        self, examples: Sequence[Example], tokenizer: BertTokenizer, max_length: int
    ) -> Features:
        """The examples as the model takes them."""
        return Features(examples, tokenizer, max_length)

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
        lines = ["\t".join(map(_in_a_cell, header))]
        for index, (example, row) in enumerate(zip(examples, logits, strict=True)):
            answer = self.answer(row)
            shares = (f"{share:.4f}" for share in answer.probabilities.values())
            texts = (example.text, example.pair or "")
            cells = (index, self._label(example.label), answer.text, *shares, *texts)
            lines.append("\t".join(_in_a_cell(str(cell)) for cell in cells))
        write_atomically(path, "\n".join(lines) + "\n")

    def _label(self, label: int | float | None) -> str | float:
        if label is None:
            return ""
        return self.label_names[int(label)] if self.label_names else label


def _in_a_cell(text: str) -> str:
    """The text without what would break a line or a column."""
    return re.sub(r"[\t\r\n]", " ", text)
