"""What the best model makes of the dev set: figures for each class, calibration, worst mistakes.

`write_report` leaves them in the run directory, as report.json for programs and as report.md, with
pictures, for readers.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from minibert.checkpoint.disk import write_atomically, write_json
from minibert.tasks.features import Example
from minibert.tasks.metrics import accuracy, pearson, spearman
from minibert.tasks.reports.page import class_page, score_page
from minibert.tasks.reports.pictures import draw_calibration, draw_confusion, draw_scatter

BINS = 10
WORST = 20
MOST_PRINTED = 10  # classes that a terminal has room for

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is found; where a share is of nothing, it is 0."""

    name: str
    precision: float  # share of the predictions of this class that are right
    recall: float  # share of this class's examples that are found
    f1: float  # harmonic mean of the two
    examples: int


@dataclass(frozen=True)
class Bin:
    """The predictions whose probability lies above `low`, up to and with `high`."""

    low: float
    high: float
    confidence: float  # their mean probability
    accuracy: float  # share of them that is right
    examples: int


@dataclass(frozen=True)
class Mistake:
    """An example that was given the wrong class."""

    index: int  # its row in predictions.tsv, from 0
    text: str
    pair: str | None
    truth: str
    prediction: str
    probability: float  # of the prediction
    truth_probability: float
    loss: float  # minus the logarithm of the truth's probability


@dataclass(frozen=True)
class Miss:
    """An example and the score it was given."""

    index: int
    text: str
    pair: str | None
    truth: float
    prediction: float
    distance: float


@dataclass(frozen=True)
class ClassReport:
    """Where a class is predicted."""

    examples: int
    accuracy: float
    log_loss: float  # mean over the examples, in nats
    calibration_error: float
    classes: list[ClassFigures]
    macro: ClassFigures  # plain means over the classes
    confusion: list[list[int]]  # [truth][prediction]
    bins: list[Bin]  # those that are not empty
    mistakes: int
    worst: list[Mistake]  # highest loss first

    def __str__(self) -> str:
        few = len(self.classes) <= MOST_PRINTED
        figures = [*(self.classes if few else ()), self.macro]
        names = [one.name for one in figures]
        width = max(12, *map(len, names))
        lines = [f"{'':{width}}  precision  recall      f1  examples"]
        for one in figures:
            shares = f"{one.precision:9.4f}  {one.recall:6.4f}  {one.f1:6.4f}"
            lines.append(f"{one.name:{width}}  {shares}  {one.examples:8,}")
        lines.append(
            f"accuracy {self.accuracy:.4f}  log loss {self.log_loss:.4f}  "
            f"calibration error {self.calibration_error:.4f}"
        )
        if few:
            column = max(6, *map(len, names[:-1]))
            head = "".join(f"  {name:>{column}}" for name in names[:-1])
            lines += ["", f"{'truth':{width}}{head}  (predicted)"]
            for name, row in zip(names[:-1], self.confusion, strict=True):
                lines.append(f"{name:{width}}" + "".join(f"  {count:{column},}" for count in row))
        return "\n".join(lines)


@dataclass(frozen=True)
class ScoreReport:
    """Where a score is predicted."""

    examples: int
    pearson: float
    spearman: float
    mean_absolute_error: float  # in the score's own unit, as is the next
    root_mean_squared_error: float
    worst: list[Miss]  # farthest first

    def __str__(self) -> str:
        return (
            f"pearson {self.pearson:.4f}  spearman {self.spearman:.4f}  "
            f"mean absolute error {self.mean_absolute_error:.4f}  "
            f"root mean squared error {self.root_mean_squared_error:.4f}"
        )


def write_report(
    folder: Path,
    title: str,
    label_names: Sequence[str],
    examples: Sequence[Example],
    logits: Floats,
    warnings: Sequence[str] = (),
) -> ClassReport | ScoreReport:
    """Write report.json, report.md and its pictures into `folder`; returns what they hold.

    The examples are labelled, and logits (N, C) are in their order. Without `label_names` the one
    logit of an example is its score.
    """
    report: ClassReport | ScoreReport
    if label_names:
        report = report_classes(label_names, examples, logits)
        draw_confusion(np.array(report.confusion), label_names, folder / "confusion.png")
        draw_calibration(report.bins, report.calibration_error, folder / "calibration.png")
        page = class_page(title, report, warnings)
    else:
        report = report_scores(examples, logits[:, 0])
        truth = np.array([example.label for example in examples])
        draw_scatter(truth, logits[:, 0], folder / "scatter.png")
        page = score_page(title, report, warnings)
    write_json(folder / "report.json", asdict(report))
    write_atomically(folder / "report.md", page)
    return report


def report_classes(
    label_names: Sequence[str], examples: Sequence[Example], logits: Floats
) -> ClassReport:
    """All figures about predicted classes; logits (N, C)."""
    log_probs = log_softmax(logits.astype(np.float64), axis=1)
    labels = np.array([example.label for example in examples], dtype=np.int64)
    guesses = logits.argmax(1)
    losses = -log_probs[np.arange(len(labels)), labels]
    probabilities = np.exp(log_probs)

    classes = range(len(label_names))
    precision, recall, f1, sizes = precision_recall_fscore_support(
        labels, guesses, labels=classes, zero_division=0.0
    )
    by_class = [
        ClassFigures(name, float(precision[c]), float(recall[c]), float(f1[c]), int(sizes[c]))
        for c, name in enumerate(label_names)
    ]
    means = [float(shares.mean()) for shares in (precision, recall, f1)]
    macro = ClassFigures("macro average", means[0], means[1], means[2], len(labels))

    wrong = np.flatnonzero(guesses != labels)
    worst = [
        Mistake(
            index=int(row),
            text=examples[row].text,
            pair=examples[row].pair,
            truth=label_names[labels[row]],
            prediction=label_names[guesses[row]],
            probability=float(probabilities[row, guesses[row]]),
            truth_probability=float(probabilities[row, labels[row]]),
            loss=float(losses[row]),
        )
        for row in wrong[np.argsort(-losses[wrong], kind="stable")][:WORST]
    ]
    bins = calibration_bins(probabilities.max(1), guesses == labels)
    return ClassReport(
        examples=len(labels),
        accuracy=accuracy(guesses, labels),
        log_loss=float(losses.mean()),
        calibration_error=calibration_error(bins),
        classes=by_class,
        macro=macro,
        confusion=confusion_matrix(labels, guesses, labels=classes).tolist(),
        bins=bins,
        mistakes=len(wrong),
        worst=worst,
    )


def calibration_bins(confidence: Floats, right: NDArray[np.bool_]) -> list[Bin]:
    """Predictions (N,) sorted by their probability into ten bins of equal width, empty ones left
    out; `right` (N,) says which of them are."""
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        if inside.any():
            low, high = float(edges[number]), float(edges[number + 1])
            mean, share = float(confidence[inside].mean()), float(right[inside].mean())
            bins.append(Bin(low, high, mean, share, int(inside.sum())))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: how far a model's probabilities are from how often it is right.

    The mean over the bins of |accuracy - confidence|, weighted by their examples; 0 is perfect.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3, with ten bins.
    """
    total = sum(one.examples for one in bins)
    return sum(one.examples * abs(one.accuracy - one.confidence) for one in bins) / total


def report_scores(examples: Sequence[Example], scores: Floats) -> ScoreReport:
    """All figures about predicted scores (N,)."""
    scores = scores.astype(np.float64)
    labels = np.array([example.label for example in examples], dtype=np.float64)
    distances = np.abs(scores - labels)
    worst = [
        Miss(
            index=int(row),
            text=examples[row].text,
            pair=examples[row].pair,
            truth=float(labels[row]),
            prediction=float(scores[row]),
            distance=float(distances[row]),
        )
        for row in np.argsort(-distances, kind="stable")[:WORST]
    ]
    return ScoreReport(
        examples=len(labels),
        pearson=pearson(scores, labels),
        spearman=spearman(scores, labels),
        mean_absolute_error=float(distances.mean()),
        root_mean_squared_error=float(np.sqrt((distances**2).mean())),
        worst=worst,
    )
