"""What predictions say for or against a model, whatever it was trained with.

Each check is a pure function from numbers to a sentence, or to None where all is well. The
thresholds are wide: a healthy result shows no sign.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from minibert.tasks.metrics import pearson

Counts = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.generic]


class Signs(NamedTuple):
    """What a result shows, and what to hold it against."""

    untaught: float  # the loss of always answering alike, without reading
    fresh: float | None  # about the loss of a head drawn at random; None if that tells nothing
    symptoms: list[str]  # of a model that has learnt nothing
    doubts: list[str]  # what else is not as it should be

    @property
    def all(self) -> tuple[str, ...]:
        """Symptoms and doubts."""
        return (*self.symptoms, *self.doubts)


def class_signs(label_names: Sequence[str], logits: Floats, labels: Labels) -> Signs:
    """Signs where a class is predicted; logits (N, C), labels (N,)."""
    confusion = _confusion(label_names, logits, labels)
    return Signs(
        _entropy(confusion.sum(1)),
        math.log(len(label_names)),
        said(one_class(confusion, label_names), guessing(confusion, label_names)),
        said(equal_labels(labels), below_chance(confusion, label_names)),
    )


def score_signs(scores: Floats, labels: Labels) -> Signs:
    """Signs where a score is predicted; both (N,)."""
    scores, truth = scores.astype(float), labels.astype(float)
    return Signs(
        float(truth.var()),
        None,
        said(poor_scores(scores, truth)),
        said(equal_labels(labels), upside_down(scores, truth)),
    )


def said(*findings: str | None) -> list[str]:
    """Those that found something."""
    return [finding for finding in findings if finding is not None]


def equal_labels(labels: Labels) -> str | None:
    """The dev set has nothing to tell apart."""
    if (labels != labels[0]).any():
        return None
    return "every label of the dev set is the same: it measures nothing"


def one_class(confusion: Counts, names: Sequence[str]) -> str | None:
    """Every prediction is the same, though the labels are not."""
    labels, guesses = confusion.sum(1), confusion.sum(0)
    if np.count_nonzero(labels) == 1 or np.count_nonzero(guesses) > 1:
        return None
    only = int(guesses.argmax())
    share = labels[only] / labels.sum()
    return f"every prediction is {names[only]}, as are {share:.0%} of the labels"


def guessing(confusion: Counts, names: Sequence[str]) -> str | None:
    """Several classes are predicted, and their mean recall is 1 / classes, give or take chance.

    Within two standard errors, that is. Accuracy would not do: where classes are imbalanced, it is
    high for a model that always answers alike.
    """
    labels = confusion.sum(1)
    if np.count_nonzero(labels) < 2 or np.count_nonzero(confusion.sum(0)) < 2:
        return None  # as `equal_labels` or `one_class` says
    accuracy, majority = confusion.trace() / labels.sum(), labels.max() / labels.sum()
    recall, chance, error = _mean_recall(confusion)
    if abs(recall - chance) > 2 * error:
        return None
    return (
        f"not to be told from guessing: the mean recall of the classes is {recall:.3f}, by chance "
        f"{chance:.3f}; accuracy {accuracy:.3f}, for always answering {names[labels.argmax()]} "
        f"{majority:.3f}"
    )


def below_chance(confusion: Counts, names: Sequence[str]) -> str | None:
    """The model knows the classes apart and calls them by each other's names."""
    recall, chance, error = _mean_recall(confusion)
    if recall > chance - 3 * error:
        return None
    truths, called = linear_sum_assignment(confusion, maximize=True)
    accuracy = confusion[truths, called].sum() / confusion.sum()
    swaps = [
        f"{names[called[truth]]} means {names[truth]}" for truth in truths if called[truth] != truth
    ]
    return (
        f"far below chance: the mean recall of the classes is {recall:.3f}, by chance "
        f"{chance:.3f}. The order of the labels differs between the weights and the data, or "
        f"between training and dev set: with {', '.join(swaps)} the accuracy would be "
        f"{accuracy:.3f}"
    )


def poor_scores(scores: Floats, labels: Floats) -> str | None:
    """Predicted scores that are all alike, or have nothing to do with the true ones."""
    if np.ptp(labels) == 0:
        return None
    if scores.std() < 0.05 * labels.std():
        return f"every predicted score is about {scores.mean():.2f}"
    correlation = pearson(scores, labels)
    if abs(correlation) > 2 / math.sqrt(len(labels)):
        return None
    return f"the predicted scores have nothing to do with the true ones (Pearson {correlation:.3f})"


def upside_down(scores: Floats, labels: Floats) -> str | None:
    """The scores fall where the true ones rise."""
    correlation = pearson(scores, labels)
    if correlation > -3 / math.sqrt(len(labels)):
        return None
    return (
        f"the predicted scores run against the true ones (Pearson {correlation:.3f}): the scale "
        "of the training set, or that of the dev set, is upside down"
    )


def _confusion(label_names: Sequence[str], logits: Floats, labels: Labels) -> Counts:
    """How often each class was given for each: [truth][prediction]."""
    confusion = np.zeros((len(label_names), len(label_names)), dtype=np.int64)
    np.add.at(confusion, (labels.astype(int), logits.argmax(1)), 1)
    return confusion


def _entropy(counts: Counts) -> float:
    """The loss, in nats, of always answering with the classes' own shares."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _mean_recall(confusion: Counts) -> tuple[float, float, float]:
    """The mean recall over the classes that are there; by chance; its standard error by chance."""
    there = confusion.sum(1) > 0
    sizes = confusion.sum(1)[there]
    chance = 1 / len(confusion)
    error = math.sqrt((chance * (1 - chance) / sizes).sum()) / len(sizes)
    return float((confusion.diagonal()[there] / sizes).mean()), chance, error
