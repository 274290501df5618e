"""Whether a result can be believed: what looks wrong about it, and the likely cause."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import confusion_matrix

from minibert.tasks.metrics import accuracy, matthews, pearson

NOTHING_LEARNT = (
    "too few steps, a learning rate that is too low or so high that the head has collapsed, or "
    "labels that do not belong to the texts"
)
DEVIATIONS = 4  # from chance; fewer can be luck


def doubts(
    logits: NDArray[np.float32], labels: NDArray[np.generic], label_names: Sequence[str]
) -> list[str]:
    """What speaks against a result, a sentence each; none for one that looks sound.

    logits (N, C) and labels (N,), classes by number; without `label_names` logits (N, 1), scores.
    """
    if label_names:
        return _of_classes(logits.argmax(-1), labels.astype(np.int64), label_names)
    return _of_scores(logits[:, 0], labels.astype(np.float64))


def _of_classes(
    guesses: NDArray[np.int64], labels: NDArray[np.int64], names: Sequence[str]
) -> list[str]:
    right = accuracy(guesses, labels)
    if right == 1:
        return []
    counts = np.bincount(labels, minlength=len(names))
    often = int(counts.argmax())
    always = float(counts[often] / len(labels))
    if np.ptp(guesses) == 0:
        return [f"every prediction is {names[guesses[0]]!r}: {NOTHING_LEARNT}"]
    said = np.bincount(guesses, minlength=len(names))
    # What predictions that have nothing to do with the labels would reach.
    chance = float(said @ counts) / len(labels) ** 2
    if right < chance - DEVIATIONS * float(np.sqrt(chance * (1 - chance) / len(labels))):
        return [_mixed_up(guesses, labels, names, right, chance)]
    if right <= always and matthews(guesses, labels) < 0.1:
        return [
            f"accuracy {right:.3f} is no better than always saying {names[often]!r} "
            f"({always:.3f}): {NOTHING_LEARNT}"
        ]
    return []


def _mixed_up(
    guesses: NDArray[np.int64],
    labels: NDArray[np.int64],
    names: Sequence[str],
    right: float,
    chance: float,
) -> str:
    """The sentence for a score below chance: in which order the classes would fit best."""
    table = confusion_matrix(labels, guesses, labels=range(len(names)))
    _, meant = linear_sum_assignment(table, maximize=True)
    best = table[range(len(names)), meant].sum() / len(labels)
    pairs = ", ".join(
        f"{names[guess]} as {names[label]}" for label, guess in enumerate(meant) if label != guess
    )
    return (
        f"accuracy {right:.3f} is far below chance ({chance:.3f}): the labels are numbered in "
        f"another order than the head has learnt; reading {pairs} would give {best:.3f}"
    )


def _of_scores(guesses: NDArray[np.float32], scores: NDArray[np.float64]) -> list[str]:
    if np.ptp(scores) == 0:
        return []
    if guesses.std() < 0.01 * scores.std():
        return [f"every prediction is about {guesses.mean():.2f}: {NOTHING_LEARNT}"]
    if pearson(guesses, scores) < -DEVIATIONS / np.sqrt(len(scores)):
        return ["the predictions fall where the scores rise: the scale may be turned round"]
    return []
