"""Warnings about a run: what its numbers say has gone wrong, and what the likely cause is.

Each check is a pure function from numbers to a sentence, or to None where all is well. The
thresholds are wide: a healthy run raises no warning.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import nn

from minibert.tasks.metrics import pearson
from minibert.training.reports.curves import Rows, split

# The steps at which the loop records `part_norms`: enough to tell a dead part, too few to cost.
LOOKS = (1, 10, 100, 1000)
USUAL_RATES = (1e-6, 1e-3)  # outside of these, a learning rate explains most failures

Counts = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Norms = dict[str, float | None]  # of one step: the gradient norm of each part


def part_norms(model: nn.Module) -> Norms:
    """The norm of the gradient in each part of the model: embeddings, every layer, pooler, head.

    A part that is frozen is left out; a norm that is not finite is None.
    """
    squares: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            norm = 0.0 if parameter.grad is None else float(parameter.grad.norm())
            part = _part(name)
            squares[part] = squares.get(part, 0.0) + norm**2
    return {part: math.sqrt(s) if math.isfinite(s) else None for part, s in squares.items()}


def _part(name: str) -> str:
    """The part that a parameter belongs to: "bert.encoder.layers.3.output.weight" is "layer 3"."""
    words = name.split(".")
    if words[0] != "bert":
        return "head"
    return f"layer {words[3]}" if words[1] == "encoder" else words[1]


def find_warnings(
    log: Rows,
    label_names: Sequence[str],
    logits: Floats,
    labels: NDArray[np.generic],
    fresh_head: bool,
    cut_share: float,
    max_length: int,
) -> list[str]:
    """Every warning about a finished run, the likeliest root of the others first.

    log: rows of log.jsonl; logits (N, C) and labels (N,) of the dev set; fresh_head: whether the
    head's weights were drawn at random; cut_share: share of the examples longer than max_length.
    """
    steps, evaluations = split(log)
    losses = [row["loss"] for row in steps]
    looks = [row["part_norms"] for row in steps if "part_norms" in row]
    untaught = _untaught(label_names, labels)
    symptoms = [unmoved_loss(losses, untaught), *nothing_learnt(label_names, logits, labels)]
    found = [
        truncation(cut_share, max_length),
        dead_parts(looks),
        frozen_head(looks),
        learns_nothing(symptoms, max(row["rate"] for row in steps)),
        equal_labels(labels),
        first_loss(losses[0], len(label_names)) if fresh_head and label_names else None,
        turned_round(label_names, logits, labels),
        overfitting(steps, evaluations, untaught),
    ]
    return [warning for warning in found if warning is not None]


def find_doubts(
    label_names: Sequence[str], logits: Floats, labels: NDArray[np.generic]
) -> list[str]:
    """What a result alone says against itself, without knowing how the model was trained."""
    found = [
        *nothing_learnt(label_names, logits, labels),
        equal_labels(labels),
        turned_round(label_names, logits, labels),
    ]
    return [doubt for doubt in found if doubt is not None]


def nothing_learnt(
    label_names: Sequence[str], logits: Floats, labels: NDArray[np.generic]
) -> list[str | None]:
    """The symptoms that predictions show."""
    if not label_names:
        return [poor_scores(logits[:, 0].astype(float), labels.astype(float))]
    confusion = _confusion(label_names, logits, labels)
    return [one_class(confusion, label_names), guessing(confusion, label_names)]


def turned_round(
    label_names: Sequence[str], logits: Floats, labels: NDArray[np.generic]
) -> str | None:
    """Something was learnt, and is read the wrong way."""
    if not label_names:
        return upside_down(logits[:, 0].astype(float), labels.astype(float))
    return below_chance(_confusion(label_names, logits, labels), label_names)


def truncation(share: float, max_length: int) -> str | None:
    """More than half of the examples lost their ends."""
    if share <= 0.5:
        return None
    return (
        f"{share:.0%} of the examples are longer than {max_length} word pieces and were cut: the "
        "model sees only their beginnings. Raise --max-length; BERT takes up to 512"
    )


def dead_parts(looks: Sequence[Norms]) -> str | None:
    """Parts of the model that got no gradient at any step looked at."""
    norms: dict[str, list[float]] = {}
    for part, norm in (item for look in looks for item in look.items()):
        if norm is not None:
            norms.setdefault(part, []).append(norm)
    dead = [part for part, seen in norms.items() if max(seen) == 0]
    if not dead:
        return None
    return (
        f"no gradient arrives in {', '.join(dead)}: nothing is learnt there. The graph is cut (by "
        "detach, no_grad, or an output that is not used), or what stands above is all zero"
    )


def frozen_head(looks: Sequence[Norms]) -> str | None:
    """The head is not trained."""
    if not looks or any("head" in look for look in looks):
        return None
    return (
        "the head is frozen: its weights stay as random as they were drawn, unless they came with "
        "the checkpoint. Freeze layers of the body, not the head"
    )


def first_loss(loss: float, classes: int) -> str | None:
    """A fresh head knows nothing: its first loss is near ln(classes).

    Its logits spread by at most 0.55 in BERT-base (0.02 * sqrt(768)), which moves the loss of a
    batch by a few tenths at most.
    """
    expected = math.log(classes)
    if expected / 2 <= loss <= expected + 0.7:
        return None
    cause = (
        "the head's weights or its input are far too large"
        if loss > expected
        else "the label can be read off the input, or the first batch holds one class only"
    )
    return (
        f"the loss of the first step is {loss:.3f}, where a fresh head for {classes} classes gives "
        f"about ln({classes}) = {expected:.3f}: {cause}"
    )


def learns_nothing(symptoms: Sequence[str | None], rate: float) -> str | None:
    """All symptoms of a model that learns nothing, and why that may be; `rate` is the highest."""
    there = [symptom for symptom in symptoms if symptom is not None]
    if not there:
        return None
    low, high = USUAL_RATES
    if rate > high:
        cause = f"The learning rate {rate:g} destroys pretrained weights; 2e-5 to 5e-5 are usual"
    elif rate < low:
        cause = f"The learning rate {rate:g} is too low to learn anything; 2e-5 to 5e-5 are usual"
    else:
        cause = (
            "Likely causes: too few steps or too low a learning rate; too high a rate for this "
            "model; a frozen body; labels that do not belong to their texts"
        )
    return f"{'; '.join(there)}. {cause}"


def unmoved_loss(losses: Sequence[float], untaught: float) -> str | None:
    """The training loss ends no lower than it would be without reading the texts.

    untaught: the loss of always answering alike: the entropy of the classes, or the variance of
    the scores.
    """
    fifth = len(losses) // 5
    if fifth < 3 or untaught == 0:  # too few steps to tell a trend from noise; nothing to learn
        return None
    first, last = np.array(losses[:fifth]), np.array(losses[-fifth:])
    noise = math.sqrt((first.var(ddof=1) + last.var(ddof=1)) / fifth)
    fell = first.mean() - last.mean() > 2 * noise
    if last.mean() < 0.95 * untaught or (fell and last.mean() < 1.1 * untaught):
        return None
    return (
        f"the training loss never fell below what guessing costs: {first.mean():.3f} in the first "
        f"{fifth} steps, {last.mean():.3f} in the last {fifth}, {untaught:.3f} for always "
        f"answering alike{', though it was still falling' if fell else ''}"
    )


def equal_labels(labels: NDArray[np.generic]) -> str | None:
    """The dev set has nothing to tell apart."""
    if np.ptp(labels) > 0:
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


def overfitting(steps: Rows, evaluations: Rows, untaught: float) -> str | None:
    """The training loss is far below the dev loss, and the dev loss is past its lowest point."""
    last = evaluations[-1]
    since = evaluations[-2]["step"] if len(evaluations) > 1 else 0
    train = float(np.mean([row["loss"] for row in steps if row["step"] > since]))
    lowest = min(evaluations, key=lambda row: row["dev_loss"])
    dev = last["dev_loss"]
    apart = train < dev / 3 and dev - train > untaught / 2 > 0
    if not apart or dev < min(1.2 * lowest["dev_loss"], untaught):
        return None
    return (
        f"overfitting: the training loss came down to {train:.3f}, while the dev loss is "
        f"{dev:.3f} (lowest {lowest['dev_loss']:.3f}, at step {lowest['step']}). The model learns "
        "its examples by heart: fewer epochs, more data, more dropout or weight decay; if the dev "
        "loss was never low, the training labels may be wrong"
    )


def _confusion(label_names: Sequence[str], logits: Floats, labels: NDArray[np.generic]) -> Counts:
    """How often each class was given for each: [truth][prediction]."""
    confusion = np.zeros((len(label_names), len(label_names)), dtype=np.int64)
    np.add.at(confusion, (labels.astype(int), logits.argmax(1)), 1)
    return confusion


def _untaught(label_names: Sequence[str], labels: NDArray[np.generic]) -> float:
    """The loss of always answering alike: the classes' entropy, or the scores' variance."""
    if not label_names:
        return float(np.var(labels.astype(float)))
    return _entropy(np.bincount(labels.astype(int), minlength=len(label_names)))


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
