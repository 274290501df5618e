"""What the losses of tasks share: sums with denominators, label smoothing, class weights."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from minibert.errors import ConfigError
from minibert.model import functional


class Loss(NamedTuple):
    """A sum, and what it is to be divided by: the loop divides, whatever a batch was cut into."""

    total: Tensor
    denominator: Tensor  # how many examples or tokens were counted, or the sum of their weights


class Weighting(NamedTuple):
    """How the loss of training departs from plain cross-entropy."""

    class_weights: tuple[float, ...] = ()  # how much an example of each class counts; none: 1
    label_smoothing: float = 0.0  # share of the target that all classes divide equally


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weighting: Weighting) -> Loss:
    """Cross-entropy summed over examples or tokens, and their number or weight.

    logits (..., C), labels (...); labels of -100 count nowhere. With label smoothing e the target
    is 1 - e for the right class plus e / C for every class (Szegedy et al. 2016, section 7). An
    example weighs what its class weighs, and the denominator is the sum of these weights.
    """
    losses = functional.cross_entropy(logits, labels, reduction="none")
    counted = labels != -100
    if smoothing := weighting.label_smoothing:
        everywhere = -torch.log_softmax(logits, -1).mean(-1)
        losses = (1 - smoothing) * losses + smoothing * everywhere.where(counted, 0.0)
    if not weighting.class_weights:
        return Loss(losses.sum(), counted.sum())
    by_class = torch.tensor(weighting.class_weights, dtype=losses.dtype, device=losses.device)
    weights = by_class[labels.where(counted, 0)].where(counted, 0.0)
    return Loss((weights * losses).sum(), weights.sum())


def weighting_of(
    task: str,
    label_names: Sequence[str],
    class_weights: Literal["balanced"] | tuple[float, ...],
    label_smoothing: float,
    labels: Tensor,
) -> Weighting:
    """The weighting that settings ask for.

    labels: the training set's, by which "balanced" is reckoned. Raises `ConfigError`, naming the
    task, where it has no classes, or another number of them than there are weights.
    """
    if not class_weights and not label_smoothing:
        return Weighting()
    if not label_names:
        raise ConfigError(
            f"{task} predicts a score: class weights and label smoothing are for classes"
        )
    if class_weights == "balanced":
        class_weights = balanced_weights(labels, len(label_names))
    if class_weights and len(class_weights) != len(label_names):
        raise ConfigError(
            f"{len(class_weights)} class weights for {task}, which has {len(label_names)} classes: "
            f"{', '.join(label_names)}"
        )
    return Weighting(class_weights, label_smoothing)


def balanced_weights(labels: Tensor, classes: int) -> tuple[float, ...]:
    """Weights with which every class counts as much as any other, on average 1 an example.

    labels: those of the training set, of any shape; -100 counts nowhere. A class that never occurs
    gets 0, which nobody looks up. The formula is scikit-learn's.
    """
    counts = torch.bincount(labels[labels != -100], minlength=classes)
    return tuple(float(counts.sum() / (classes * count)) if count else 0.0 for count in counts)
