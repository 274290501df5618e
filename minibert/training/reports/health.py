"""Warnings about a run: what its numbers say has gone wrong, and what the likely cause is.

Each check is a pure function from numbers to a sentence, or to None where all is well. The
thresholds are wide: a healthy run raises no warning.
"""

import math
from collections.abc import Sequence

import numpy as np
from torch import nn

from minibert.tasks.signs import Signs, said
from minibert.training.reports.curves import Rows, split

# The steps at which the loop records `part_norms`: enough to tell a dead part, too few to cost.
LOOKS = (1, 10, 100, 1000)
USUAL_RATES = (1e-6, 1e-3)  # outside of these, a learning rate explains most failures

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
    log: Rows, signs: Signs, fresh_head: bool, cut_share: float, max_length: int
) -> list[str]:
    """Every warning about a finished run, the likeliest root of the others first.

    log: rows of log.jsonl; signs: of the best model on the dev set; fresh_head: whether the head's
    weights were drawn at random; cut_share: share of the examples longer than max_length.
    """
    steps, evaluations = split(log)
    losses = [row["loss"] for row in steps]
    looks = [row["part_norms"] for row in steps if "part_norms" in row]
    symptoms = [*said(unmoved_loss(losses, signs.untaught)), *signs.symptoms]
    return said(
        truncation(cut_share, max_length),
        dead_parts(looks),
        frozen_head(looks),
        learns_nothing(symptoms, max(row["rate"] for row in steps)),
        first_loss(losses[0], signs.fresh) if fresh_head and signs.fresh else None,
        *signs.doubts,
        overfitting(steps, evaluations, signs.untaught),
    )


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


def first_loss(loss: float, expected: float) -> str | None:
    """A fresh head knows nothing: its first loss is near ln(classes), which is `expected`.

    Its logits spread by at most 0.55 in BERT-base (0.02 * sqrt(768)), which moves the loss of a
    batch by a few tenths at most.
    """
    if expected / 2 <= loss <= expected + 0.7:
        return None
    cause = (
        "the head's weights or its input are far too large"
        if loss > expected
        else "the label can be read off the input, or the first batch holds one class only"
    )
    return (
        f"the loss of the first step is {loss:.3f}, where a fresh head gives about "
        f"ln({math.exp(expected):.0f}) = {expected:.3f}: {cause}"
    )


def learns_nothing(symptoms: Sequence[str], rate: float) -> str | None:
    """All symptoms of a model that learns nothing, and why that may be; `rate` is the highest."""
    if not symptoms:
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
    return f"{'; '.join(symptoms)}. {cause}"


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
