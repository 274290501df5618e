"""Metrics: hand-worked numbers, agreement with other formulas, and 0 where nothing is defined."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from minibert.tasks.glue import TASKS, task_named
from minibert.tasks.metrics import (
    METRICS,
    accuracy,
    f1,
    macro_f1,
    matthews,
    pearson,
    spearman,
)

some = settings(max_examples=40, deadline=None, derandomize=True)
classes = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30)
numbers = st.integers(-50, 50).map(lambda number: number / 10)
scores = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30)
more_classes = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)
CORRELATIONS = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}


def columns(pairs):
    predictions, labels = zip(*pairs, strict=True)
    return np.array(predictions), np.array(labels)


def test_by_hand():
    predictions, labels = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1])

    assert accuracy(predictions, labels) == 3 / 5
    assert f1(predictions, labels) == pytest.approx(2 / 3)  # 2 found, 3 predicted, 3 there
    assert f1(1 - predictions, 1 - labels) == pytest.approx(1 / 2)  # of class 1, not of both
    assert f1(np.array([1, 1]), np.array([1, 0])) == pytest.approx(2 / 3)


def test_matthews_by_hand():
    """(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))"""
    predictions, labels = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1])

    assert matthews(predictions, labels) == pytest.approx((2 * 1 - 1) / (3 * 3 * 2 * 2) ** 0.5)
    assert matthews(1 - labels, labels) == pytest.approx(-1)
    assert matthews(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 2])) == pytest.approx(1)


def test_macro_f1_by_hand():
    predictions, labels = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1])

    assert macro_f1(predictions, labels) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert macro_f1(np.array([2, 2, 2]), np.array([0, 1, 2])) == pytest.approx(1 / 2 / 3)


def test_correlations_by_hand():
    rising, bent = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 9.0, 16.0])

    assert pearson(3 * rising - 2, rising) == pytest.approx(1)
    assert pearson(-rising, rising) == pytest.approx(-1)
    assert pearson(bent, rising) == pytest.approx(0.984374)
    assert spearman(bent, rising) == pytest.approx(1)  # the ranks agree
    assert spearman(np.array([1, 2, 2, 3]), rising) == pytest.approx(0.948683)  # with a tie


@some
@given(classes)
def test_accuracy_and_f1_equal_scikit_learns(pairs):
    predictions, labels = columns(pairs)

    assert accuracy(predictions, labels) == sklearn.metrics.accuracy_score(labels, predictions)
    assert f1(predictions, labels) == pytest.approx(
        sklearn.metrics.f1_score(labels, predictions, zero_division=0)
    )


@some
@given(more_classes)
def test_metrics_of_many_classes_equal_scikit_learns(pairs):
    predictions, labels = columns(pairs)

    assert macro_f1(predictions, labels) == pytest.approx(
        sklearn.metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    )
    if len({*predictions, *labels}) > 1:
        assert matthews(predictions, labels) == pytest.approx(
            sklearn.metrics.matthews_corrcoef(labels, predictions)
        )


@some
@given(classes)
def test_f1_equals_its_definition(pairs):
    predictions, labels = columns(pairs)
    found = int(((predictions == 1) & (labels == 1)).sum())
    named = int((predictions == 1).sum() + (labels == 1).sum())

    assert f1(predictions, labels) == pytest.approx(2 * found / named if named else 0)


@pytest.mark.parametrize("name", CORRELATIONS)
@some
@given(scores)
def test_correlations_equal_scipys_or_are_zero(name, pairs):
    predictions, labels = columns(pairs)
    constant = len(set(predictions)) == 1 or len(set(labels)) == 1

    value = METRICS[name](predictions, labels)

    expected = 0 if constant else CORRELATIONS[name](predictions, labels).statistic
    assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("same", [0, 1])
def test_a_model_that_always_says_the_same_has_a_number(name, same):
    guesses = np.full(6, 2.5, np.float32) if name in CORRELATIONS else np.full(6, same)
    labels = np.array([0, 0, 1, 1, 0, 1])

    with warnings.catch_warnings(action="error"):
        value = METRICS[name](guesses, labels)

    expected = {"accuracy": 0.5, "f1": 2 / 3 if same else 0.0, "macro_f1": 1 / 3}
    assert value == pytest.approx(expected.get(name, 0.0))
    assert type(value) is float  # JSON has no NumPy numbers


@pytest.mark.parametrize("name", METRICS)
def test_labels_all_the_same_and_a_single_example_have_a_number(name):
    with warnings.catch_warnings(action="error"):
        assert METRICS[name](np.array([0, 1, 1]), np.zeros(3, int)) in (0.0, 0.25, 1 / 3)
        assert METRICS[name](np.array([0]), np.array([0])) in (0.0, 1.0)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_measures_its_own_metrics(name):
    task = task_named(name)
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20, task.num_labels)).astype(np.float32)
    classes = len(task.label_names)
    labels = generator.integers(0, classes, 20) if classes else generator.normal(size=20)
    guesses = np.array([row.argmax() for row in logits])
    guesses = guesses if classes else logits[:, 0]

    found = task.metrics(logits, SimpleNamespace(labels=labels))

    assert list(found) == list(task.metric_names)
    assert found == {name: METRICS[name](guesses, labels) for name in task.metric_names}


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("cola", ["matthews"]),
        ("sst-2", ["accuracy"]),
        ("mrpc", ["accuracy", "f1"]),
        ("sts-b", ["pearson", "spearman"]),
        ("qqp", ["accuracy", "f1"]),
        ("mnli", ["accuracy"]),
        ("qnli", ["accuracy"]),
        ("rte", ["accuracy"]),
        ("wnli", ["accuracy"]),
        ("ax", ["matthews"]),
    ],
)
def test_the_metrics_are_glues_and_the_first_one_decides(name, metrics):
    task = task_named(name)

    assert list(task.metric_names) == metrics
    others = {"f1": 0.9, "spearman": 0.9, "mismatched_accuracy": 0.9}
    assert task.score({**others, metrics[0]: 0.3}) == 0.3
