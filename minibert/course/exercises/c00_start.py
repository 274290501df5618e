"""Chapter 0: from a model's logits to shares, words and a score."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from minibert.course.drawing import normal, shuffled, sizes, whole
from minibert.course.exercise import Exercise, Probe

PAGE = "00_start_here"
WORDS = ("negative", "positive", "neutral", "mixed", "angry", "glad", "calm", "unsure")


def softmax(logits: Tensor) -> Tensor:
    """exp(logits) / sum(exp(logits)) over the last dimension."""
    return torch.softmax(logits, -1)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest logit is the label's; 0.0 of no rows."""
    return sum((logits.argmax(-1) == labels).tolist()) / max(1, len(labels))


def label_words(logits: Tensor, names: Sequence[str]) -> list[str]:
    """For each row the name of its largest logit."""
    return [names[place] for place in logits.argmax(-1).tolist()]


def softmax_probes(generator: Generator) -> list[Probe]:
    """Large logits overflow without a maximum, and rows need a maximum each."""
    batch, size, classes = sizes(generator, 3, low=3)
    levels = torch.tensor([[1000.0], [0.0], [-1000.0]], dtype=torch.float64)
    return [
        Probe("a batch of logits", (normal(generator, batch, classes),)),
        Probe("three dimensions", (normal(generator, batch, size, classes),)),
        Probe("a single row", (normal(generator, classes),)),
        Probe("float32", (normal(generator, batch, classes, dtype=torch.float32),)),
        Probe("logits near 1000", (normal(generator, batch, classes, mean=1000.0),)),
        Probe("rows at different levels", (levels + normal(generator, 3, classes),)),
    ]


def accuracy_probes(generator: Generator) -> list[Probe]:
    """As many rows as classes hide a wrong dimension; no rows at all divide by zero."""
    rows, classes = sizes(generator, 2, low=3)
    logits, square = normal(generator, rows, classes), normal(generator, classes, classes)
    labels = logits.argmax(-1)
    labels[0] = (labels[0] + 1) % classes
    return [
        Probe("a batch with one mistake in it", (logits, labels)),
        Probe("any labels", (normal(generator, 9, classes), whole(generator, 0, classes, 9))),
        Probe("as many rows as classes", (square, square.argmax(-1))),
        Probe("negative logits", (normal(generator, 7, 2, mean=-5.0), whole(generator, 0, 2, 7))),
        Probe("no rows", (normal(generator, 0, classes), whole(generator, 0, classes, 0))),
    ]


def label_words_probes(generator: Generator) -> list[Probe]:
    """Names in no order, and as many rows as names."""
    rows, classes = sizes(generator, 2, low=3)
    names = shuffled(generator, WORDS)
    return [
        Probe("a batch", (normal(generator, rows, classes), names[:classes])),
        Probe("as many rows as names", (normal(generator, classes, classes), names[:classes])),
        Probe("one row", (normal(generator, 1, classes), names[:classes])),
        Probe("negative logits", (normal(generator, rows, 8, mean=-5.0), names)),
        Probe("no rows", (normal(generator, 0, classes), names[:classes])),
    ]


EXERCISES = (
    Exercise(
        name="softmax",
        title="From logits to shares",
        points=3,
        difficulty=1,
        minutes=8,
        reference=softmax,
        probes=softmax_probes,
        hints=(
            "Each row must add up to one: over which dimension do you sum? keepdim=True keeps the "
            "result's shape fit for the division.",
            "exp(1000) is infinite. A number subtracted from all logits of a row changes nothing "
            "in the quotient: which one makes the largest exponent 0?",
            "shifted = logits - logits.amax(-1, keepdim=True); then exp(shifted) divided by its "
            "sum over the last dimension.",
        ),
        page=f"{PAGE}: A first classifier",
        forbidden=(
            "minibert.model.functional.masked_softmax",
            "aten._softmax",
            "aten._log_softmax",
        ),
        tolerance=1e-7,
    ),
    Exercise(
        name="accuracy",
        title="How often the model is right",
        points=2,
        difficulty=1,
        minutes=5,
        reference=accuracy,
        probes=accuracy_probes,
        hints=(
            "`argmax` over which dimension gives one class for each row?",
            "Comparing two tensors of whole numbers gives True and False, which can be summed; "
            "`.item()` makes a Python number of the sum.",
            "With no rows there is nothing to divide by: ask for that first, and return 0.0.",
        ),
        page=f"{PAGE}: A first classifier",
    ),
    Exercise(
        name="label_words",
        title="Answers in words",
        points=2,
        difficulty=1,
        minutes=5,
        reference=label_words,
        probes=label_words_probes,
        hints=(
            "First the numbers: one class for each row. `.tolist()` makes Python numbers of them.",
            "names[number] is the name, for the number of each row in turn: a list comprehension.",
        ),
        page=f"{PAGE}: A first classifier",
    ),
)
