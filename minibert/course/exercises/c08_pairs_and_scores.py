"""Chapter 08, pairs and scores: the metrics of GLUE, the segments of a pair, and regression."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from minibert.course.drawing import normal, number, whole
from minibert.course.exercise import Exercise, Probe
from minibert.tasks import metrics

Numbers = Sequence[float]
PAGE = "08_pairs_and_scores"


def _classes(generator: torch.Generator) -> list[Probe]:
    hits, misses, alarms = (number(generator, *bounds) for bounds in ((5, 9), (2, 5), (10, 13)))
    pairs = [(1, 1)] * hits + [(0, 1)] * misses + [(1, 0)] * alarms + [(0, 0)] * 30
    order = torch.randperm(len(pairs), generator=generator).tolist()
    predictions, labels = ([pairs[place][side] for place in order] for side in (0, 1))
    return [
        Probe("some of each kind", (predictions, labels)),
        Probe("predictions worse than chance", ([1 - guess for guess in predictions], labels)),
        Probe("predictions of 0 only", ([0] * len(labels), labels)),
        Probe("labels of 0 only", (predictions, [0] * len(labels))),
        Probe("predictions and labels of 0 only", ([0, 0, 0], [0, 0, 0])),
        Probe("predictions of 1 only", ([1, 1, 1, 1], [1, 0, 1, 1])),
        Probe("predictions equal to the labels", (labels, labels)),
    ]


F1 = Exercise(
    name="f1",
    title="Precision and recall in one number",
    points=2,
    difficulty=1,
    minutes=10,
    reference=metrics.f1,
    probes=_classes,
    hints=(
        "Count three things: found and there, found but not there, there but not found.",
        "2 * found and there / (all found + all there), and 0 where that is 0 / 0.",
    ),
    page=f"{PAGE}: Accuracy, F1, Matthews",
    forbidden=("minibert.tasks.metrics.f1", "sklearn.metrics.f1_score"),
)


MATTHEWS = Exercise(
    name="matthews",
    title="Matthews' correlation",
    points=2,
    difficulty=2,
    minutes=10,
    reference=metrics.matthews,
    probes=_classes,
    hints=(
        "Four counts: found, missed, wrongly found, rightly not found.",
        "(found * rightly not - wrongly * missed) / the root of the product of four sums: all "
        "predicted 1, all predicted 0, all labelled 1, all labelled 0.",
        "If one of the four sums is 0, so is the result.",
    ),
    page=f"{PAGE}: Accuracy, F1, Matthews",
    forbidden=("minibert.tasks.metrics.matthews", "sklearn.metrics.matthews_corrcoef"),
)


def pearson(x: Numbers, y: Numbers) -> float:
    """The library's correlation of two lists."""
    return metrics.pearson(np.array(x), np.array(y))


def _scores(generator: torch.Generator) -> list[Probe]:
    truth = (2.5 + normal(generator, 9)).tolist()
    guess = [2 * score + noise for score, noise in zip(truth, normal(generator, 9), strict=True)]
    guess = [float(score) for score in guess]
    falling = [5 - score**2 / 5 for score in truth]
    return [
        Probe("about right", (guess, truth)),
        Probe("falling, on a curve", (falling, truth)),
        Probe("one far away", ([*guess, 40.0], [*truth, 5.0])),
        Probe("ties", ([1.0, 1.0, 2.0, 4.0], [0.0, 1.0, 1.0, 5.0])),
        Probe("always the same", ([2.5] * 4, truth[:4])),
        Probe("one pair", ([3.0], [4.0])),
    ]


PEARSON = Exercise(
    name="pearson",
    title="Do two rows of numbers rise together?",
    points=2,
    difficulty=1,
    minutes=10,
    reference=pearson,
    probes=_scores,
    hints=(
        "Subtract from each list its own mean first.",
        "The sum of the products, over the root of (the sum of one's squares times the sum of the "
        "other's). How many numbers there are cancels.",
    ),
    page=f"{PAGE}: Pearson, Spearman",
    forbidden=("minibert.tasks.metrics.pearson", "scipy.stats.pearsonr"),
)


def segment_ids(first_length: int, second_length: int) -> list[int]:
    """0 for [CLS], the first text and its [SEP]; 1 for the second text and its own."""
    second = [1] * (second_length + 1) if second_length else []
    return [0] * (first_length + 2) + second


def _lengths(generator: torch.Generator) -> list[Probe]:
    first, second = 3 + number(generator, 0, 4), 8 + number(generator, 0, 4)
    return [
        Probe("a pair", (first, second)),
        Probe("the second one shorter", (second, first)),
        Probe("a single text", (first, 0)),
        Probe("one word piece each", (1, 1)),
    ]


SEGMENT_IDS = Exercise(
    name="segment_ids",
    title="Which text a token belongs to",
    points=1,
    difficulty=1,
    minutes=5,
    reference=segment_ids,
    probes=_lengths,
    hints=(
        "Write it down: [CLS] first text [SEP] second text [SEP].",
        "A [SEP] belongs to the text before it. A single text has one [SEP].",
    ),
    page=f"{PAGE}: Two texts in one input",
)


def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    """The mean of the squared differences."""
    return (logits.squeeze(-1) - scores).square().mean()


def _graded(generator: torch.Generator) -> list[Probe]:
    def arguments(batch: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        scores = whole(generator, 0, 26, batch).to(dtype) / 5
        return 2.5 + 3 * normal(generator, batch, 1, dtype=dtype), scores

    return [
        Probe("a batch", arguments(6), gradients=(0,)),
        Probe("beyond 0 to 5", (torch.tensor([[7.0], [-2.0], [3.0]]).double(), arguments(3)[1])),
        Probe("one pair", arguments(1)),
        Probe("float32", arguments(4, torch.float32)),
    ]


REGRESSION_LOSS = Exercise(
    name="regression_loss",
    title="The loss of a score",
    points=1,
    difficulty=1,
    minutes=5,
    reference=regression_loss,
    probes=_graded,
    hints=(
        "Look at the shapes before you subtract: (B, 1) minus (B,) is (B, B).",
        "logits.squeeze(-1) is (B,). Then the mean of the squared differences.",
    ),
    page=f"{PAGE}: A number instead of a class",
)

EXERCISES = (F1, MATTHEWS, PEARSON, SEGMENT_IDS, REGRESSION_LOSS)
