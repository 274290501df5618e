"""The loop's order of events: modes, logs, which weights are kept, and when it gives up."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import Training, json_lines, save_tiny_model

from minibert import BertForSequenceClassification
from minibert.errors import RunError
from minibert.training import loop
from minibert.training.evaluation import Evaluation, evaluate

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def training(source, tmp_path):
    """A function that makes a training which has not begun."""

    def make(**changes):
        return Training(source, tmp_path / "run", **changes)

    return make


@pytest.fixture
def told(monkeypatch):
    """A function: let evaluations find these scores; returns the weights at each of them."""

    def tell(training, *scores):
        weights, metric = [], training.task.metric_names[0]

        def evaluate(model, *_):
            training.model.save_pretrained(training.folder / f"epoch-{len(weights) + 1}")
            weights.append(load_file(training.folder / f"epoch-{len(weights) + 1}" / WEIGHTS))
            return Evaluation(None, 1.0, {metric: scores[len(weights) - 1]})

        monkeypatch.setattr(loop, "evaluate", evaluate)
        return weights

    return tell


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.5, 0.9, 0.7], 2),
        ([0.9, 0.5, 0.7], 1),
        ([0.5, 0.7, 0.9], 3),
        ([0.5, 0.8, 0.8], 2),  # no better is not better
        ([0.0, 0.0, 0.0], 1),
        ([-0.9, -0.2, -0.5], 2),  # a correlation may be negative
    ],
)
def test_the_weights_of_the_best_epoch_are_kept(training, told, scores, best):
    training = training()
    weights = told(training, *scores)

    outcome = training.run()

    saved = load_file(training.folder / "model" / WEIGHTS)
    assert (outcome.best_epoch, outcome.best_step) == (best, 3 * best)
    assert [same(saved, some) for some in weights] == [epoch == best for epoch in (1, 2, 3)]


def test_the_first_metric_decides(training, monkeypatch):
    training = training(name="mrpc", epochs=2)
    found = [{"accuracy": 0.8, "f1": 0.1}, {"accuracy": 0.7, "f1": 0.9}]
    monkeypatch.setattr(loop, "evaluate", lambda *_: Evaluation(None, 1.0, found.pop(0)))

    assert training.run().best_epoch == 1


def test_dropout_is_on_in_every_step_and_off_in_every_evaluation(training):
    training = training(epochs=2)
    modes = []
    training.model.bert.register_forward_hook(lambda module, *_: modes.append(module.training))

    training.run()

    assert modes == [True, True, True, False] * 2  # three batches of ten, then the dev set


def test_the_loss_that_is_logged_is_the_mean_over_the_batch(training):
    training = training(epochs=1, warmup=1.0, learning_rate=0.0)
    training.model.eval()
    training.model.train = lambda mode=True: training.model  # no dropout
    losses, cut = [], training.train_set.packed

    def batch(rows):
        with torch.no_grad():
            logits = training.model(**cut(rows).inputs).logits
        losses.append(torch.nn.functional.cross_entropy(logits, cut(rows).labels).item())
        return cut(rows)

    training.train_set.packed = batch
    training.run()

    assert [row["loss"] for row in training.log()[:-1]] == pytest.approx(losses)


def test_the_log_holds_a_row_a_step_and_a_row_an_epoch(training):
    training = training(epochs=2)
    outcome = training.run()
    steps = [row for row in training.log() if "loss" in row]
    epochs = [row for row in training.log() if "dev_loss" in row]

    assert [row["step"] for row in training.log()] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert [row["epoch"] for row in training.log()] == [1, 1, 1, 1, 2, 2, 2, 2]
    usual = ("step", "epoch", "loss", "rate", "gradient_norm")
    assert [tuple(row) for row in steps] == [(*usual, "part_norms")] + 5 * [usual]
    assert {tuple(row) for row in epochs} == {("step", "epoch", "dev_loss", "accuracy")}
    assert [row["rate"] for row in steps] == pytest.approx(
        [0.0, 0.01, 0.008, 0.006, 0.004, 0.002]  # one step of warm-up, five down
    )
    best = max(epochs, key=lambda row: row["accuracy"])
    assert (outcome.best_epoch, outcome.best_step) == (best["epoch"], best["step"])


def test_what_was_trained_on_is_counted_without_padding(training):
    training = training(epochs=2)

    outcome = training.run()

    last = json_lines(training.folder / "timing.jsonl")[-1]
    assert outcome.examples == 20
    assert outcome.tokens == 2 * training.train_set.lengths.sum()
    assert (last["step"], last["tokens"]) == (6, outcome.tokens)
    assert outcome.train_seconds > 0


def test_a_model_that_breaks_in_the_last_step_is_not_kept(training, monkeypatch):
    broken = Evaluation(np.zeros((1, 2), np.float32), math.nan, {"accuracy": 0.9})
    monkeypatch.setattr(loop, "evaluate", lambda *_: broken)
    training = training(epochs=1)

    with pytest.raises(RunError, match="the dev loss is nan after step 3"):
        training.run()

    assert not (training.folder / "model").exists()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_changes_the_products_but_not_what_is_kept(training, precision):
    training = training(precision=precision, epochs=1)
    dtypes = set()
    training.model.classifier.register_forward_hook(lambda *seen: dtypes.add(seen[-1].dtype))

    training.run()

    saved = load_file(training.folder / "model" / WEIGHTS)
    assert dtypes == {getattr(torch, precision)}
    assert {value.dtype for value in saved.values()} == {torch.float32}
    assert all(value.isfinite().all() for value in saved.values())


def test_the_saved_model_is_the_one_that_was_measured(training):
    training = training()
    outcome = training.run()

    model = BertForSequenceClassification.from_pretrained(training.folder / "model")

    found = evaluate(model, training.task, training.dev_set, training.precision)
    (logged,) = (
        row for row in training.log() if "dev_loss" in row and row["step"] == outcome.best_step
    )
    assert {"dev_loss": found.loss, **found.metrics}.items() <= logged.items()
