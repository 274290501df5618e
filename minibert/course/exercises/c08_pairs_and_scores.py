"""Chapter 08, pairs and scores: the metrics of GLUE, the segments of a pair, and regression."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import stats
from sklearn import metrics as sklearn_metrics
from torch import Tensor

from minibert.course.drawing import normal, number, whole
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.tasks import metrics

Numbers = Sequence[float]
PAGE = "08_pairs_and_scores"

# --- f1 and matthews: of two classes --------------------------------------------------------------


def _counts(predictions: Numbers, labels: Numbers) -> tuple[int, int, int, int]:
    """Found, missed, wrongly found, rightly not found."""
    pairs = list(zip(predictions, labels, strict=True))
    return pairs.count((1, 1)), pairs.count((0, 1)), pairs.count((1, 0)), pairs.count((0, 0))


def _share(part: float, all_of_it: float) -> float:
    return part / all_of_it if all_of_it else 0.0


def _of_counts(formula: Callable[[int, int, int, int], float]) -> Callable[..., float]:
    """A metric of the four counts."""
    return lambda predictions, labels: formula(*_counts(predictions, labels))


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
    mistakes=(
        Mistake(
            "f1-macro", "the mean of both classes' F1; that of class 1 is meant", metrics.macro_f1
        ),
        Mistake("f1-accuracy", "the accuracy (or micro F1, which is the same)", metrics.accuracy),
        Mistake(
            "f1-weighted",
            "the mean of both classes' F1, weighted with their sizes",
            lambda predictions, labels: sklearn_metrics.f1_score(
                labels, predictions, average="weighted", zero_division=0.0
            ),
        ),
        Mistake(
            "f1-precision",
            "the precision alone",
            _of_counts(lambda found, missed, false, _: _share(found, found + false)),
        ),
        Mistake(
            "f1-recall",
            "the recall alone",
            _of_counts(lambda found, missed, false, _: _share(found, found + missed)),
        ),
        Mistake(
            "f1-arithmetic-mean",
            "the arithmetic mean of precision and recall; it is the harmonic one",
            _of_counts(
                lambda found, missed, false, _: (
                    (_share(found, found + false) + _share(found, found + missed)) / 2
                )
            ),
        ),
        Mistake(
            "f1-product",
            "precision times recall over their sum: the 2 is missing",
            _of_counts(lambda found, missed, false, _: _share(found, 2 * found + missed + false)),
        ),
        Mistake(
            "f1-jaccard",
            "what is found and there over what is found or there, the Jaccard index",
            _of_counts(lambda found, missed, false, _: _share(found, found + missed + false)),
        ),
        Mistake(
            "f1-of-class-0",
            "the F1 of class 0",
            lambda predictions, labels: metrics.f1(1 - np.array(predictions), 1 - np.array(labels)),
        ),
        Mistake(
            "f1-division-by-0",
            "0 / 0 where nothing is found: the F1 is 0 then",
            _of_counts(
                lambda found, missed, false, _: (
                    2 / ((found + false) / found + (found + missed) / found)
                )
            ),
        ),
        Mistake(
            "f1-nothing-is-perfect",
            "1 where there is nothing to find and nothing is found; here that is 0",
            lambda predictions, labels: (
                metrics.f1(predictions, labels) if any(predictions) or any(labels) else 1.0
            ),
        ),
    ),
    forbidden=("minibert.tasks.metrics.f1", "sklearn.metrics.f1_score"),
)


def _sides(found: int, missed: int, false: int, rest: int) -> int:
    return (found + false) * (found + missed) * (rest + false) * (rest + missed)


def _matthews_without_0(found: int, missed: int, false: int, rest: int) -> float:
    return (found * rest - false * missed) / math.sqrt(_sides(found, missed, false, rest))


def _matthews_without_errors(found: int, missed: int, false: int, rest: int) -> float:
    return _share(found * rest, math.sqrt(_sides(found, missed, false, rest)))


def _matthews_with_errors(found: int, missed: int, false: int, rest: int) -> float:
    return _share(found * rest + false * missed, math.sqrt(_sides(found, missed, false, rest)))


def _matthews_without_root(found: int, missed: int, false: int, rest: int) -> float:
    return _share(found * rest - false * missed, _sides(found, missed, false, rest))


def _matthews_of_two_sums(found: int, missed: int, false: int, rest: int) -> float:
    return _share(found * rest - false * missed, math.sqrt((found + false) * (found + missed)))


def _kappa(found: int, missed: int, false: int, rest: int) -> float:
    by_chance = (found + false) * (found + missed) + (rest + false) * (rest + missed)
    total = found + missed + false + rest
    return _share((found + rest) * total - by_chance, total**2 - by_chance)


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
    mistakes=(
        Mistake("matthews-no-root", "the root left out", _of_counts(_matthews_without_root)),
        Mistake(
            "matthews-no-errors",
            "the product of the errors left out of the numerator",
            _of_counts(_matthews_without_errors),
        ),
        Mistake(
            "matthews-errors-added",
            "the product of the errors added: it is subtracted",
            _of_counts(_matthews_with_errors),
        ),
        Mistake(
            "matthews-two-sums",
            "two of the four sums under the root, those of class 1",
            _of_counts(_matthews_of_two_sums),
        ),
        Mistake(
            "matthews-division-by-0",
            "0 / 0 where all predictions or all labels are the same: the result is 0 then",
            _of_counts(_matthews_without_0),
        ),
        Mistake(
            "matthews-scaled-accuracy",
            "the accuracy stretched from -1 to 1",
            lambda predictions, labels: 2 * metrics.accuracy(predictions, labels) - 1,
        ),
        Mistake("matthews-kappa", "Cohen's kappa", _of_counts(_kappa)),
        Mistake(
            "matthews-no-sign",
            "the sign left out: below 0 the model is worse than chance",
            lambda predictions, labels: abs(metrics.matthews(predictions, labels)),
        ),
        Mistake(
            "matthews-squared",
            "its square",
            lambda predictions, labels: metrics.matthews(predictions, labels) ** 2,
        ),
    ),
    forbidden=("minibert.tasks.metrics.matthews", "sklearn.metrics.matthews_corrcoef"),
)

# --- pearson --------------------------------------------------------------------------------------


def _pearson(x: Numbers, y: Numbers) -> float:
    return metrics.pearson(np.array(x), np.array(y))


def _deviations(numbers: Numbers) -> list[float]:
    mean = sum(numbers) / len(numbers)
    return [number - mean for number in numbers]


def _product(x: Numbers, y: Numbers) -> float:
    return sum(one * other for one, other in zip(x, y, strict=True))


def _cosine(x: Numbers, y: Numbers) -> float:
    return _share(_product(x, y), math.sqrt(_product(x, x) * _product(y, y)))


def _slope(x: Numbers, y: Numbers) -> float:
    x, y = _deviations(x), _deviations(y)
    return _share(_product(x, y), _product(x, x))


def _covariance(x: Numbers, y: Numbers) -> float:
    return _product(_deviations(x), _deviations(y)) / len(x)


def _uneven(x: Numbers, y: Numbers) -> float:
    return _pearson(x, y) * _share(len(x), len(x) - 1)


def _without_0(x: Numbers, y: Numbers) -> float:
    x, y = _deviations(x), _deviations(y)
    return _product(x, y) / math.sqrt(_product(x, x) * _product(y, y))


def _no_root(x: Numbers, y: Numbers) -> float:
    x, y = _deviations(x), _deviations(y)
    return _share(_product(x, y), _product(x, x) * _product(y, y))


def _of_ranks(x: Numbers, y: Numbers) -> float:
    if len(x) < 2 or min(x) == max(x) or min(y) == max(y):
        return 0.0
    return float(stats.spearmanr(x, y).statistic)


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
    reference=_pearson,
    probes=_scores,
    hints=(
        "Subtract from each list its own mean first.",
        "The sum of the products, over the root of (the sum of one's squares times the sum of the "
        "other's). How many numbers there are cancels.",
    ),
    page=f"{PAGE}: Pearson, Spearman",
    mistakes=(
        Mistake("pearson-cosine", "the means not subtracted: the cosine", _cosine),
        Mistake("pearson-of-ranks", "the correlation of the ranks, Spearman's", _of_ranks),
        Mistake("pearson-covariance", "the covariance, not divided by the spreads", _covariance),
        Mistake(
            "pearson-n-and-n-minus-1",
            "n - 1 in the covariance, and n in the standard deviations",
            _uneven,
        ),
        Mistake("pearson-squared", "its square, R^2", lambda x, y: _pearson(x, y) ** 2),
        Mistake("pearson-slope", "the slope of the line of best fit", _slope),
        Mistake("pearson-no-root", "the root left out", _no_root),
        Mistake("pearson-no-sign", "the sign left out", lambda x, y: abs(_pearson(x, y))),
        Mistake(
            "pearson-division-by-0",
            "0 / 0 where a list is constant: the result is 0 then",
            _without_0,
        ),
    ),
    forbidden=("minibert.tasks.metrics.pearson", "scipy.stats.pearsonr"),
)

# --- segment_ids ----------------------------------------------------------------------------------


def _segment_ids(first_length: int, second_length: int) -> list[int]:
    second = [1] * (second_length + 1) if second_length else []
    return [0] * (first_length + 2) + second


def _segments_with(zeros: int, ones: int) -> Callable[[int, int], list[int]]:
    """So many more 0 and 1 than there are word pieces; for a single text as it should be."""
    return lambda first, second: (
        [0] * (first + zeros) + [1] * (second + ones) if second else _segment_ids(first, 0)
    )


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
    reference=_segment_ids,
    probes=_lengths,
    hints=(
        "Write it down: [CLS] first text [SEP] second text [SEP].",
        "A [SEP] belongs to the text before it. A single text has one [SEP].",
    ),
    page=f"{PAGE}: Two texts in one input",
    mistakes=(
        Mistake(
            "segments-first-sep-in-second",
            "the first [SEP] in the second text",
            _segments_with(1, 2),
        ),
        Mistake(
            "segments-last-sep-in-first",
            "the last [SEP] in segment 0",
            lambda first, second: [*_segment_ids(first, second)[:-1], 0],
        ),
        Mistake("segments-no-special", "[CLS] and both [SEP] left out", _segments_with(0, 0)),
        Mistake("segments-no-cls", "[CLS] left out", _segments_with(1, 1)),
        Mistake("segments-no-last-sep", "the last [SEP] left out", _segments_with(2, 0)),
        Mistake(
            "segments-from-1",
            "1 and 2 in place of 0 and 1",
            lambda first, second: [segment + 1 for segment in _segment_ids(first, second)],
        ),
        Mistake(
            "segments-swapped",
            "0 and 1 swapped",
            lambda first, second: [1 - segment for segment in _segment_ids(first, second)],
        ),
        Mistake(
            "segments-all-0",
            "0 throughout: the model cannot tell the texts apart by them",
            lambda first, second: [0] * len(_segment_ids(first, second)),
        ),
        Mistake(
            "segments-second-sep-of-single",
            "a second [SEP] behind a single text",
            lambda first, second: [0] * (first + 2) + [1] * (second + 1),
        ),
    ),
)

# --- regression_loss ------------------------------------------------------------------------------


def _regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
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
    reference=_regression_loss,
    probes=_graded,
    hints=(
        "Look at the shapes before you subtract: (B, 1) minus (B,) is (B, B).",
        "logits.squeeze(-1) is (B,). Then the mean of the squared differences.",
    ),
    page=f"{PAGE}: A number instead of a class",
    mistakes=(
        Mistake(
            "regression-every-pair",
            "(B, 1) minus (B,), which is (B, B): every prediction against every score",
            lambda logits, scores: (logits - scores).square().mean(),
        ),
        Mistake(
            "regression-sigmoid",
            "a sigmoid of the logits: a score needs no squeezing",
            lambda logits, scores: _regression_loss(logits.sigmoid(), scores),
        ),
        Mistake(
            "regression-stretched-sigmoid",
            "5 times the sigmoid of the logits: a score needs no squeezing",
            lambda logits, scores: _regression_loss(5 * logits.sigmoid(), scores),
        ),
        Mistake(
            "regression-scores-scaled",
            "the scores divided by 5: they are learnt as they are",
            lambda logits, scores: _regression_loss(logits, scores / 5),
        ),
        Mistake(
            "regression-absolute",
            "the absolute error in place of the squared one",
            lambda logits, scores: (logits.squeeze(-1) - scores).abs().mean(),
        ),
        Mistake(
            "regression-sum",
            "the sum; the mean is asked for",
            lambda logits, scores: (logits.squeeze(-1) - scores).square().sum(),
        ),
        Mistake(
            "regression-root",
            "the root of the mean",
            lambda logits, scores: _regression_loss(logits, scores).sqrt(),
        ),
        Mistake(
            "regression-half",
            "half of it",
            lambda logits, scores: _regression_loss(logits, scores) / 2,
        ),
        Mistake(
            "regression-clipped",
            "the logits clipped to 0 to 5: no gradient comes through there; clip what you hand in",
            lambda logits, scores: _regression_loss(logits.clamp(0, 5), scores),
        ),
        Mistake(
            "regression-cross-entropy",
            "a binary cross-entropy, which is for classes",
            lambda logits, scores: torch.nn.functional.binary_cross_entropy_with_logits(
                logits.squeeze(-1), scores / 5
            ),
        ),
    ),
)

EXERCISES = (F1, MATTHEWS, PEARSON, SEGMENT_IDS, REGRESSION_LOSS)
