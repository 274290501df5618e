"""What there is to learn: at which word piece the answer begins, and at which it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minibert.errors import ConfigError, DataError
from minibert.model import BertForQuestionAnswering, functional
from minibert.model.heads import SpanLogits
from minibert.tasks.base import BaseTask
from minibert.tasks.features import Batch
from minibert.tasks.losses import Loss
from minibert.tasks.signs import Signs, said
from minibert.tasks.sources import Sources, first_folder
from minibert.tasks.squad.reading import (
    Question,
    read_squad,
    read_squad_hub,
    read_squad_lines,
)
from minibert.tasks.squad.report import Report, write_report
from minibert.tasks.squad.scoring import metrics, score_all, tuned_threshold
from minibert.tasks.squad.spans import Found, Predictions
from minibert.tasks.squad.windows import Windows
from minibert.tokenization import BertTokenizer

HOPELESS = 10.0  # F1 on questions that have an answer; words taken at random share some, too


@dataclass(frozen=True)
class SquadTask(BaseTask):
    """SQuAD 1.1, where every question has its answer in the context, or 2.0: some have none."""

    model: ClassVar = BertForQuestionAnswering
    num_labels: ClassVar[None] = None
    label_names: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar = "--question and --context"

    version: Literal["1.1", "2.0"]
    doc_stride: int = 128  # word pieces from one window to the next
    max_query_length: int = 64  # word pieces of a question
    max_answer_length: int = 30  # word pieces of an answer
    # 2.0: how much better no answer must be than the best to be believed; None: tuned on the dev
    # set whenever that is evaluated
    threshold: float | None = None

    @property
    def name(self) -> str:
        """What it is called, for titles and folders."""
        return f"squad-{self.version}"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The keys of what `metrics` returns."""
        both = ("f1", "exact")
        if self.version == "1.1":
            return both
        return (*both, *(f"{kind}_{name}" for kind in ("HasAns", "NoAns") for name in both))

    def examples(self, split: str, sources: Sources) -> list[Question]:
        """The questions of "train" or "dev": a file of SQuAD's name in `data`, or from the hub."""
        given = sources.file(split)
        if given is not None:
            return self.read(given)
        if split not in ("train", "dev"):
            raise DataError(f"{self.name} has no {split} set with answers; give --train and --dev")
        if sources.data is None:
            return read_squad_hub(self.version, split)
        folder = first_folder(sources.data, ("squad", "SQuAD"))
        return self.read(folder / f"{split}-v{self.version}.json")

    def read(self, path: Path, labelled: bool = True) -> list[Question]:
        """The questions of a file in the official form, or, of JSON lines, without answers."""
        if path.suffix == ".jsonl":
            if labelled:
                raise DataError(f"{path}: JSON lines have no answers; give SQuAD's own JSON")
            return read_squad_lines(path)
        return read_squad(path, self.version, labelled)

    def features(
        self,
        examples: Sequence[Question],
        tokenizer: BertTokenizer,
        max_length: int,
        training: bool = False,
    ) -> Windows:
        """The questions' windows; for training without questions whose answer has no place."""
        return Windows(
            examples, tokenizer, max_length, self.doc_stride, self.max_query_length, training
        )

    def weighted(
        self,
        class_weights: Literal["balanced"] | tuple[float, ...],
        label_smoothing: float,
        labels: Tensor,
    ) -> Self:
        """The task as it is. Raises `ConfigError` where it is to be another: it has no classes."""
        if class_weights or label_smoothing:
            raise ConfigError(
                f"{self.name} predicts positions: class weights and label smoothing are for classes"
            )
        return self

    def loss(self, out: SpanLogits, batch: Batch, training: bool = False) -> Loss:
        """The mean of the cross-entropies of beginning and end, summed over the windows.

        Every position of a window is a class, those of the question and [CLS] too; padding is none.
        """
        assert batch.labels is not None, "an unlabelled batch has no loss"
        logits = padded_logits(out, batch)  # (B, S, 2)
        losses = functional.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none")
        return Loss(losses.sum() / 2, (batch.labels[:, 0] >= 0).sum())

    def collect(
        self, found: Sequence[tuple[list[int], SpanLogits]], features: Windows
    ) -> Predictions:
        """The answers, from (rows, output) of batches."""
        logits = np.empty((len(features.ids), 2), np.float32)
        for rows, out in found:
            lengths = features.lengths[rows]
            scores = torch.stack(out, -1).numpy()
            if scores.ndim == 3:  # padded (B, S, 2); else packed (T, 2)
                scores = scores[np.arange(scores.shape[1]) < lengths[:, None]]
            windows = np.split(scores, np.cumsum(lengths)[:-1])
            for row, window in zip(rows, windows, strict=True):
                logits[features.starts[row] : features.starts[row + 1]] = window
        return Predictions(features, logits, longest=self.max_answer_length)

    def metrics(self, found: Predictions, features: Windows) -> dict[str, float]:
        """exact and f1, 0 to 100; for version 2.0 also of questions with and without an answer."""
        return metrics(score_all(found.questions, found.texts(self._threshold(found))))

    def score(self, metrics: dict[str, float]) -> float:
        """F1."""
        return metrics["f1"]

    def signs(self, found: Predictions, features: Windows) -> Signs:
        """Whether anything was learnt.

        Who has not read the context knows at best how often the answer is [CLS], and takes any
        place else.
        """
        assert features.labels is not None
        places = np.log(features.lengths).mean()
        elsewhere = float((features.labels > 0).float().mean())
        surprise = -sum(p * np.log(p) for p in (elsewhere, 1 - elsewhere) if p > 0)
        texts = found.texts(self._threshold(found))
        scores = [one for one in score_all(found.questions, texts) if one.question.answers]
        mean = 100 * float(np.mean([one.f1 for one in scores])) if scores else 100.0
        refused = "no question is given an answer" if not any(texts.values()) else None
        poor = f"the answers have little to do with the right ones (F1 {mean:.1f})"
        symptoms = said(refused if scores else None, poor if mean < HOPELESS else None)
        return Signs(float(surprise + elsewhere * places), float(places), symptoms, [])

    def chosen(self, found: Predictions) -> dict[str, float]:
        """For version 2.0 the threshold under which the dev set's answers have the best F1."""
        threshold = self._threshold(found)
        return {} if threshold is None else {"threshold": threshold}

    def settled(self, chosen: Mapping[str, float]) -> Self:
        """The task with the threshold that its run has chosen."""
        return replace(self, threshold=chosen.get("threshold"))

    def _threshold(self, found: Predictions) -> float | None:
        """For version 1.1 none; for 2.0 the task's own, or the best one for these answers."""
        if self.version == "1.1":
            return None
        if self.threshold is not None:
            return self.threshold
        known = all(question.known for question in found.questions)
        return tuned_threshold(found).threshold if known else 0.0

    def answers(self, found: Predictions) -> list[Found]:
        """The answers in words, in the questions' order."""
        threshold = self._threshold(found)
        return [found.found(row, threshold) for row in range(len(found.questions))]

    def write_predictions(
        self, path: Path, examples: Sequence[Question], found: Predictions
    ) -> None:
        """As predictions.json, or of JSON lines the answers with places and probabilities."""
        threshold = self._threshold(found)
        if path.suffix == ".jsonl":
            found.write_lines(path, threshold)
        else:
            found.write_texts(path, threshold)

    def write_results(
        self,
        folder: Path,
        title: str,
        examples: Sequence[Question],
        found: Predictions,
        warnings: Sequence[str],
    ) -> Report:
        """The official three files of predictions, and the report."""
        threshold = self._threshold(found)
        found.write(folder, threshold)
        scores = score_all(found.questions, found.texts(threshold))
        given = zip(found.questions, self.answers(found), strict=True)
        sure = {question.id: answer.probability for question, answer in given}
        return write_report(folder, title, scores, sure, warnings)


def padded_logits(out: SpanLogits, batch: Batch) -> Tensor:
    """The scores of beginning and end, (B, S, 2), minus infinity for padding.

    From the output for a padded batch (B, S), or for a packed one (T,). In float32 at least.
    """
    logits = torch.stack(out, -1)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if "cu_seqlens" in batch.inputs:
        lengths = batch.inputs["cu_seqlens"].diff()
        windows = logits.split(lengths[lengths > 0].tolist())
        return pad_sequence(list(windows), batch_first=True, padding_value=-torch.inf)
    padding = batch.inputs["attention_mask"] == 0
    return logits.masked_fill(padding[..., None], -torch.inf)
