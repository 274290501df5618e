"""What there is to learn, the tag of every word; and what the model says of them, word by word."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from minibert.checkpoint.disk import write_atomically
from minibert.model import BertForTokenClassification
from minibert.model.heads import Logits
from minibert.tasks.base import BaseTask
from minibert.tasks.features import Batch
from minibert.tasks.losses import Loss, Weighting, weighted_cross_entropy, weighting_of
from minibert.tasks.ner.decoding import Found, best_tags, found_entities
from minibert.tasks.ner.reading import USUAL, Columns, Sentence, read_sentences, read_split
from minibert.tasks.ner.report import TagReport, tag_report, write_columns, write_report
from minibert.tasks.ner.schemes import TagSet, detect
from minibert.tasks.ner.scoring import Tags, metric_names, metrics
from minibert.tasks.ner.text import Text, joined
from minibert.tasks.ner.windows import TaggedWindows
from minibert.tasks.signs import Signs, class_signs
from minibert.tasks.sources import Sources
from minibert.tokenization import BertTokenizer

Scores = NDArray[np.float32]  # logits of words (W, C), in the order of their sentences


class Tagged(NamedTuple):
    """What is found in a text."""

    entities: list[Found]  # where the tags are plain, its words

    def __str__(self) -> str:
        told = (
            f"{one.text} {one.type} {one.score:.3f} ({one.start} to {one.end})"
            for one in self.entities
        )
        return ", ".join(told) or "nothing"

    def as_json(self) -> dict[str, Any]:
        """What JSON shows."""
        return {"entities": [one._asdict() for one in self.entities]}


@dataclass(frozen=True)
class TaggingTask(BaseTask):
    """Entities, or what else a column of a file says of each word."""

    model: ClassVar = BertForTokenClassification
    name: ClassVar = "ner"
    takes: ClassVar = "--text"

    columns: Columns = USUAL
    document_context: bool = False  # show the model what stands around a sentence
    constrained: bool = False  # predict legal sequences of tags only
    label_names: tuple[str, ...] = ()  # those of the training set, see `TagSet`
    weighting: Weighting = field(default=Weighting(), kw_only=True)  # of the loss in training

    @cached_property
    def tag_set(self) -> TagSet:
        """The tags by their numbers."""
        return TagSet(self.label_names)

    @property
    def num_labels(self) -> int:
        """Outputs that the model's head needs."""
        return len(self.label_names)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The keys of what `metrics` returns; the first decides which model is best."""
        return metric_names(self.tag_set)

    def prepared(self, sources: Sources) -> Self:
        """The task with the tags of its training set; it is said which scheme files are of."""
        sentences = self.examples("train", sources)
        print(f"tags       {detect(sentences)}; dev {detect(self.examples('dev', sources))}")
        return replace(self, label_names=TagSet.of(sentences).names)

    def facts(self) -> dict[str, Any]:
        """The tags."""
        return {"label_names": self.label_names}

    def examples(self, split: str, sources: Sources) -> list[Sentence]:
        """The sentences of "train", "dev" or "test"."""
        return read_split(split, sources, self.columns)

    def read(self, path: Path, labelled: bool = True) -> list[Sentence]:
        """The sentences of a file: columns, or JSON lines."""
        return read_sentences(path, self.columns, labelled)

    def features(
        self,
        examples: Sequence[Sentence],
        tokenizer: BertTokenizer,
        max_length: int,
        training: bool = False,
    ) -> TaggedWindows:
        """The sentences' windows; for training they are the same."""
        return TaggedWindows(examples, tokenizer, self.tag_set, max_length, self.document_context)

    def weighted(
        self,
        class_weights: Literal["balanced"] | tuple[float, ...],
        label_smoothing: float,
        labels: Tensor,
    ) -> Self:
        """The task with its tags weighted and smoothed in training, as settings ask."""
        weighting = weighting_of(
            self.name, self.label_names, class_weights, label_smoothing, labels
        )
        return replace(self, weighting=weighting)

    def loss(self, out: Logits, batch: Batch, training: bool = False) -> Loss:
        """Cross-entropy summed over the labelled words of a batch; labels lie as logits do.

        In float32 at least. The denominator is how many there are, or the sum of their tags'
        weights. In training as `weighting` says; else plain, so that runs can be compared.
        """
        logits = out.logits if out.logits.dtype.itemsize > 4 else out.logits.float()
        weighting = self.weighting if training else Weighting()
        assert batch.labels is not None, "an unlabelled batch has no loss"
        return weighted_cross_entropy(logits, batch.labels, weighting)

    def collect(self, found: Sequence[tuple[list[int], Logits]], features: TaggedWindows) -> Scores:
        """The logits of every word, from (rows, output) of batches.

        Outputs may be padded (B, S, C) or packed (T, C).
        """
        logits = np.empty((len(features.positions), self.num_labels), np.float32)
        words = np.searchsorted(features.positions, features.starts)  # of each window its first
        for rows, out in found:
            given = np.asarray(out.logits)
            lengths = features.lengths[rows]
            width = lengths if given.ndim == 2 else np.full(len(rows), given.shape[1])
            starts = np.cumsum(width) - width  # of each window in what was given, end to end
            given = given.reshape(-1, given.shape[-1])
            for start, row in zip(starts, rows, strict=True):
                read = slice(words[row], words[row + 1])
                logits[read] = given[start + features.positions[read] - features.starts[row]]
        return logits

    def tags(self, scores: Scores, sentences: Sequence[Sentence]) -> Sequence[Tags]:
        """The tags predicted for each sentence: IOB2's, or plain ones."""
        bounds = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
        return self.tag_set.named(best_tags(scores, bounds, self.tag_set, self.constrained), bounds)

    def metrics(self, scores: Scores, features: TaggedWindows) -> dict[str, float]:
        """Precision, recall and F1 of entities, and accuracy of words: 0 to 1."""
        gold = [self.tag_set.tags(sentence) for sentence in features.sentences]
        return metrics(gold, self.tags(scores, features.sentences), self.tag_set)

    def score(self, metrics: dict[str, float]) -> float:
        """F1 of entities; where the tags are plain, accuracy."""
        return metrics[self.metric_names[0]]

    def signs(self, scores: Scores, features: TaggedWindows) -> Signs:
        """What speaks for and against the result: that of words of so many classes."""
        return class_signs(self.label_names, scores, self.tag_set.numbers(features.sentences))

    def entities(self, texts: Sequence[Text], scores: Scores) -> list[Tagged]:
        """The entities of texts, from the scores of their words."""
        bounds = np.cumsum([0, *(len(text.words) for text in texts)])
        numbers = best_tags(scores, bounds, self.tag_set, self.constrained)
        return [
            Tagged(found_entities(text, scores[start:end], numbers[start:end], self.tag_set))
            for text, start, end in zip(texts, bounds[:-1], bounds[1:], strict=True)
        ]

    def write_predictions(self, path: Path, examples: Sequence[Sentence], found: Scores) -> None:
        """CoNLL's columns; or JSON lines, with each sentence's text and entities."""
        if path.suffix != ".jsonl":
            write_columns(path, examples, self.tags(found, examples), self.tag_set)
            return
        texts = [joined(sentence.words) for sentence in examples]
        lines = (
            json.dumps({"text": text.text, **tagged.as_json()}, ensure_ascii=False) + "\n"
            for text, tagged in zip(texts, self.entities(texts, found), strict=True)
        )
        write_atomically(path, "".join(lines))

    def write_results(
        self,
        folder: Path,
        title: str,
        examples: Sequence[Sentence],
        found: Scores,
        warnings: Sequence[str],
    ) -> TagReport:
        """The report, and predictions.txt in CoNLL's columns, into the folder of a run."""
        tags = self.tags(found, examples)
        write_columns(folder / "predictions.txt", examples, tags, self.tag_set)
        report = tag_report(examples, tags, self.tag_set)
        write_report(folder, title, report, warnings)
        return report
