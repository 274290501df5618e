"""One label or score for a text or a pair of texts: what all tasks of this kind share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minibert.checkpoint.disk import write_atomically
from minibert.model import BertForSequenceClassification
from minibert.model.heads import Logits
from minibert.tasks.features import Batch, Example, Features
from minibert.tasks.losses import Loss, Weighting, weighted_cross_entropy, weighting_of
from minibert.tasks.metrics import METRICS
from minibert.tasks.reports.report import ClassReport, ScoreReport, write_report
from minibert.tasks.signs import Signs, class_signs, score_signs
from minibert.tasks.sources import Sources
from minibert.tokenization import BertTokenizer


class Answer(NamedTuple):
    """A prediction in words."""

    value: str | float  # the class's name, or the score
    probabilities: dict[str, float]  # of every class; empty where a score is predicted

    @property
    def text(self) -> str:
        """The value as it is printed."""
        return self.value if isinstance(self.value, str) else f"{self.value:.3f}"

    def as_json(self) -> dict[str, Any]:
        """What JSON shows."""
        return self._asdict()

    def __str__(self) -> str:
        shares = "  ".join(f"{name} {share:.3f}" for name, share in self.probabilities.items())
        return f"{self.text:16}{shares}"


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

    @property
    def takes(self) -> str:
        """The options by which `predict` is given an example."""
        return "--text and --text-pair" if self.about_pairs else "--text"

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
        self,
        examples: Sequence[Example],
        tokenizer: BertTokenizer,
        max_length: int,
        training: bool = False,
    ) -> Features:
        """The examples as the model takes them; for training they are the same."""
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
        weighting = weighting_of(
            self.name, self.label_names, class_weights, label_smoothing, labels
        )
        return replace(self, weighting=weighting)

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

    def metrics(self, logits: NDArray[np.float32], features: Features) -> dict[str, float]:
        """Each of the task's metrics; logits (N, C) of labelled examples."""
        labels = np.asarray(features.labels)
        guesses = logits.argmax(-1) if self.label_names else logits[:, 0]
        return {name: METRICS[name](guesses, labels) for name in self.metric_names}

    def score(self, metrics: dict[str, float]) -> float:
        """The one number by which models are compared; higher is better."""
        return metrics[self.metric_names[0]]

    def signs(self, logits: NDArray[np.float32], features: Features) -> Signs:
        """What speaks for and against the result; logits (N, C) of labelled examples."""
        labels = np.asarray(features.labels)
        if self.label_names:
            return class_signs(self.label_names, logits, labels)
        return score_signs(logits[:, 0], labels)

    def chosen(self, logits: NDArray[np.float32]) -> dict[str, float]:
        """What the dev set decides beside the model: nothing."""
        return {}

    def settled(self, chosen: Mapping[str, float]) -> Self:
        """The task with what its run has chosen: as it is."""
        return self

    def answer(self, logits: NDArray[np.float32]) -> Answer:
        """What the logits (C,) of one example mean."""
        if not self.label_names:
            return Answer(float(logits[0]), {})
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        named = dict(zip(self.label_names, map(float, shares), strict=True))
        return Answer(self.label_names[int(logits.argmax())], named)

    def write_results(
        self,
        folder: Path,
        title: str,
        examples: Sequence[Example],
        logits: NDArray[np.float32],
        warnings: Sequence[str],
    ) -> ClassReport | ScoreReport:
        """The report with its pictures, and predictions.tsv, into the folder of a run."""
        self.write_predictions(folder / "predictions.tsv", examples, logits)
        return write_report(folder, title, self.label_names, examples, logits, warnings)

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
