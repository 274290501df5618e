"""Curves: what is drawn is what the log says, whenever it was evaluated."""

import math

import numpy as np
import pytest
from matplotlib.image import imread

from minibert.tasks.reports import pictures
from minibert.training.reports import curves
from minibert.training.reports.curves import draw_comparison, draw_curves


def a_log(steps=40, per_epoch=20, every=20, metrics=("accuracy",)):
    """A run's rows, evaluated after each `every` steps."""
    rows = []
    for step in range(1, steps + 1):
        place = {"step": step, "epoch": (step - 1) // per_epoch + 1}
        noise = 0.1 * math.sin(7 * step)
        numbers = {"loss": 1 / step + 0.2 + noise, "rate": 1e-5 * step, "gradient_norm": 2 + noise}
        rows.append(place | numbers)
        if step % every == 0:
            found = dict.fromkeys(metrics, 0.5 + 0.3 * step / steps)
            rows.append(place | {"dev_loss": 0.5 + 1 / step} | found)
    return rows


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved, beside their files."""
    seen = []
    save = pictures.save

    def keep(figure, path):
        seen.append(figure)
        save(figure, path)

    monkeypatch.setattr(curves, "save", keep)
    return seen


def line(panel, label):
    (found,) = [line for line in panel.lines if line.get_label() == label]
    return found


@pytest.mark.parametrize(
    ("log", "ends"),
    [
        (a_log(), ["epoch 1", "epoch 2"]),
        (a_log(every=7), ["epoch 1", "epoch 2"]),  # in the middle of epochs
        (a_log(steps=20), ["epoch 1"]),
        (a_log(steps=1, every=1), ["epoch 1"]),
        (a_log(steps=30, every=30), ["epoch 1", "epoch 2"]),  # broken off
        (a_log(steps=50, per_epoch=2, every=2), [f"epoch {n}" for n in range(3, 25, 3)]),
    ],
    ids=["two epochs", "within epochs", "one epoch", "one step", "broken off", "many epochs"],
)
def test_what_is_drawn(log, ends, tmp_path, figures):
    draw_curves(log, tmp_path / "curves.png", "title")

    losses, metrics, rates, norms = figures[0].axes
    evaluations = [row for row in log if "dev_loss" in row]
    steps = [row for row in log if "loss" in row]
    dev = line(losses, "dev")
    assert dev.get_xdata().tolist() == [row["step"] for row in evaluations]
    assert dev.get_ydata().tolist() == [row["dev_loss"] for row in evaluations]
    assert len(line(losses, "training").get_ydata()) == len(steps)
    accuracy = line(metrics, "accuracy").get_ydata()
    assert accuracy.tolist() == [row["accuracy"] for row in evaluations]
    assert all(metrics.get_ylim()[0] < value < metrics.get_ylim()[1] for value in accuracy)
    assert rates.lines[0].get_ydata().tolist() == [row["rate"] for row in steps]
    assert norms.lines[0].get_ydata().tolist() == [row["gradient_norm"] for row in steps]
    assert [label.get_text() for label in losses.texts] == ends


def test_the_picture(tmp_path):
    draw_curves(a_log(metrics=("accuracy", "f1")), tmp_path / "curves.png", "title")

    picture = imread(tmp_path / "curves.png")[..., :3]
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    for top in (0, height):
        for left in (0, width):
            panel = picture[top : top + height, left : left + width]
            assert (panel.max(-1) - panel.min(-1) > 0.2).sum() > 200, "no line"
            assert (panel.max(-1) < 0.3).sum() > 200, "no words"


def test_numbers_that_were_infinite_leave_gaps(tmp_path, figures):
    log = a_log()
    log[0]["gradient_norm"] = None
    draw_curves(log, tmp_path / "curves.png", "title")

    noisy = figures[0].axes[3].lines[0].get_ydata()
    assert np.isnan(noisy).tolist() == [True] + [False] * 39


def test_smoothing_keeps_a_straight_line_and_drowns_noise():
    straight = curves._smooth(np.full(100, 3.0))
    noise = curves._smooth(np.random.default_rng(0).normal(size=1000))
    assert straight == pytest.approx(3.0)
    assert noise.std() < 0.2


def test_a_comparison_counts_epochs_whatever_the_batch_size(tmp_path, figures):
    logs = {"small": [a_log(), a_log()], "large": [a_log(steps=10, per_epoch=5, every=5)]}
    draw_comparison(logs, tmp_path / "compare.png", "sst-2")

    _, dev, metric = figures[0].axes
    assert [list(drawn.get_xdata()) for drawn in dev.lines] == [[1, 2]] * 3
    assert len({drawn.get_color() for drawn in dev.lines}) == 2
    assert metric.get_title() == "dev accuracy"
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["small (2 seeds)", "large"]


def test_an_epoch_that_was_broken_off_is_not_stretched(tmp_path, figures):
    broken = [row for row in a_log(every=10) if row["step"] <= 30]
    draw_comparison({"a": [broken], "b": [a_log()]}, tmp_path / "compare.png", "sst-2")

    assert list(figures[0].axes[1].lines[0].get_xdata()) == [0.5, 1.0, 1.5]


def test_many_runs_are_told_apart(tmp_path, figures):
    draw_comparison({str(n): [a_log()] for n in range(15)}, tmp_path / "compare.png", "sst-2")

    styles = {(x.get_color(), x.get_linestyle()) for x in figures[0].axes[0].lines}
    assert len(styles) == 15


@pytest.mark.parametrize("classes", [2, 3, 12, 60])
def test_a_confusion_matrix_of_any_size(classes, tmp_path):
    counts = np.random.default_rng(0).integers(0, 90, (classes, classes))
    names = [f"a class called {n}" for n in range(classes)]
    pictures.draw_confusion(counts, names, tmp_path / "confusion.png")

    height, width = imread(tmp_path / "confusion.png").shape[:2]
    assert 250 < height < 2600
    assert 250 < width < 2600
