"""What goes wrong in chapter 8: the mistakes that people make in its exercises."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from sklearn import metrics as sklearn_metrics

from minibert.course.exercise import Mistake
from minibert.course.exercises.c08_pairs_and_scores import (
    Numbers,
    pearson,
    regression_loss,
    segment_ids,
)
from minibert.tasks import metrics


def _counts(predictions: Numbers, labels: Numbers) -> tuple[int, int, int, int]:
    """Found, missed, wrongly found, rightly not found."""
    pairs = list(zip(predictions, labels, strict=True))
    return pairs.count((1, 1)), pairs.count((0, 1)), pairs.count((1, 0)), pairs.count((0, 0))


def _share(part: float, all_of_it: float) -> float:
    return part / all_of_it if all_of_it else 0.0


def _of_counts(formula: Callable[[int, int, int, int], float]) -> Callable[..., float]:
    """A metric of the four counts."""
    return lambda predictions, labels: formula(*_counts(predictions, labels))


F1_MISTAKES = (
    Mistake("f1-macro", "the mean of both classes' F1; that of class 1 is meant", metrics.macro_f1),
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
            lambda found, missed, false, _: 2 / ((found + false) / found + (found + missed) / found)
        ),
    ),
    Mistake(
        "f1-nothing-is-perfect",
        "1 where there is nothing to find and nothing is found; here that is 0",
        lambda predictions, labels: (
            metrics.f1(predictions, labels) if any(predictions) or any(labels) else 1.0
        ),
    ),
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


MATTHEWS_MISTAKES = (
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
)


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
    return pearson(x, y) * _share(len(x), len(x) - 1)


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


PEARSON_MISTAKES = (
    Mistake("pearson-cosine", "the means not subtracted: the cosine", _cosine),
    Mistake("pearson-of-ranks", "the correlation of the ranks, Spearman's", _of_ranks),
    Mistake("pearson-covariance", "the covariance, not divided by the spreads", _covariance),
    Mistake(
        "pearson-n-and-n-minus-1",
        "n - 1 in the covariance, and n in the standard deviations",
        _uneven,
    ),
    Mistake("pearson-squared", "its square, R^2", lambda x, y: pearson(x, y) ** 2),
    Mistake("pearson-slope", "the slope of the line of best fit", _slope),
    Mistake("pearson-no-root", "the root left out", _no_root),
    Mistake("pearson-no-sign", "the sign left out", lambda x, y: abs(pearson(x, y))),
    Mistake(
        "pearson-division-by-0",
        "0 / 0 where a list is constant: the result is 0 then",
        _without_0,
    ),
)


def _segments_with(zeros: int, ones: int) -> Callable[[int, int], list[int]]:
    """So many more 0 and 1 than there are word pieces; for a single text as it should be."""
    return lambda first, second: (
        [0] * (first + zeros) + [1] * (second + ones) if second else segment_ids(first, 0)
    )


SEGMENT_IDS_MISTAKES = (
    Mistake(
        "segments-first-sep-in-second",
        "the first [SEP] in the second text",
        _segments_with(1, 2),
    ),
    Mistake(
        "segments-last-sep-in-first",
        "the last [SEP] in segment 0",
        lambda first, second: [*segment_ids(first, second)[:-1], 0],
    ),
    Mistake("segments-no-special", "[CLS] and both [SEP] left out", _segments_with(0, 0)),
    Mistake("segments-no-cls", "[CLS] left out", _segments_with(1, 1)),
    Mistake("segments-no-last-sep", "the last [SEP] left out", _segments_with(2, 0)),
    Mistake(
        "segments-from-1",
        "1 and 2 in place of 0 and 1",
        lambda first, second: [segment + 1 for segment in segment_ids(first, second)],
    ),
    Mistake(
        "segments-swapped",
        "0 and 1 swapped",
        lambda first, second: [1 - segment for segment in segment_ids(first, second)],
    ),
    Mistake(
        "segments-all-0",
        "0 throughout: the model cannot tell the texts apart by them",
        lambda first, second: [0] * len(segment_ids(first, second)),
    ),
    Mistake(
        "segments-second-sep-of-single",
        "a second [SEP] behind a single text",
        lambda first, second: [0] * (first + 2) + [1] * (second + 1),
    ),
)


REGRESSION_LOSS_MISTAKES = (
    Mistake(
        "regression-every-pair",
        "(B, 1) minus (B,), which is (B, B): every prediction against every score",
        lambda logits, scores: (logits - scores).square().mean(),
    ),
    Mistake(
        "regression-sigmoid",
        "a sigmoid of the logits: a score needs no squeezing",
        lambda logits, scores: regression_loss(logits.sigmoid(), scores),
    ),
    Mistake(
        "regression-stretched-sigmoid",
        "5 times the sigmoid of the logits: a score needs no squeezing",
        lambda logits, scores: regression_loss(5 * logits.sigmoid(), scores),
    ),
    Mistake(
        "regression-scores-scaled",
        "the scores divided by 5: they are learnt as they are",
        lambda logits, scores: regression_loss(logits, scores / 5),
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
        lambda logits, scores: regression_loss(logits, scores).sqrt(),
    ),
    Mistake(
        "regression-half",
        "half of it",
        lambda logits, scores: regression_loss(logits, scores) / 2,
    ),
    Mistake(
        "regression-clipped",
        "the logits clipped to 0 to 5: no gradient comes through there; clip what you hand in",
        lambda logits, scores: regression_loss(logits.clamp(0, 5), scores),
    ),
    Mistake(
        "regression-cross-entropy",
        "a binary cross-entropy, which is for classes",
        lambda logits, scores: torch.nn.functional.binary_cross_entropy_with_logits(
            logits.squeeze(-1), scores / 5
        ),
    ),
)

MISTAKES = {
    "f1": F1_MISTAKES,
    "matthews": MATTHEWS_MISTAKES,
    "pearson": PEARSON_MISTAKES,
    "segment_ids": SEGMENT_IDS_MISTAKES,
    "regression_loss": REGRESSION_LOSS_MISTAKES,
}
