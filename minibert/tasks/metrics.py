"""Metrics by name, from scikit-learn and SciPy: predictions and labels to one number each.

Where a metric is undefined because all predictions or all labels are equal, it is 0: such a model
has found nothing.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics

Numbers = NDArray[np.generic]


def accuracy(predictions: Numbers, labels: Numbers) -> float:
    """Share of predictions that equal their label."""
    return float(metrics.accuracy_score(labels, predictions))


def f1(predictions: Numbers, labels: Numbers) -> float:
    """Harmonic mean of precision and recall of class 1."""
    return float(metrics.f1_score(labels, predictions, pos_label=1, zero_division=0.0))


def macro_f1(predictions: Numbers, labels: Numbers) -> float:
    """The mean of every class's F1: rare classes count as much as frequent ones."""
    return float(metrics.f1_score(labels, predictions, average="macro", zero_division=0.0))


def matthews(predictions: Numbers, labels: Numbers) -> float:
    """Matthews' correlation of classes, -1 to 1; of more than two classes Gorodkin's R_K."""
    if len(labels) < 2 or np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return 0.0
    return float(metrics.matthews_corrcoef(labels, predictions))


def pearson(predictions: Numbers, labels: Numbers) -> float:
    """Linear correlation, -1 to 1."""
    return _correlation(stats.pearsonr, predictions, labels)


def spearman(predictions: Numbers, labels: Numbers) -> float:
    """Correlation of the ranks, -1 to 1."""
    return _correlation(stats.spearmanr, predictions, labels)


def _correlation(
    measure: Callable[[Numbers, Numbers], object], predictions: Numbers, labels: Numbers
) -> float:
    if len(labels) < 2 or np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return 0.0
    return float(measure(predictions, labels).statistic)  # type: ignore[attr-defined]


METRICS: dict[str, Callable[[Numbers, Numbers], float]] = {
    "accuracy": accuracy,
    "f1": f1,
    "macro_f1": macro_f1,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
}
