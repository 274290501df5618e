"""curves.png: how loss, metrics, learning rate and gradient went, from the rows of log.jsonl."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minibert.tasks.reports.pictures import (
    BLUE,
    BRIGHT,
    GREEN,
    PURPLE,
    RED,
    new_figure,
    save,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[dict[str, Any]]

MOST_EPOCHS = 12  # that are numbered on the axis; of more, every second, third, ...
# What a row of log.jsonl says beside its metrics.
PLACES = ("step", "epoch", "dev_loss")
DASHES = ("-", "--", ":")


def draw_curves(log: Rows, picture: Path, title: str) -> None:
    """Four panels over the optimizer steps: losses, dev metrics, learning rate, gradient norm.

    What is noisy is drawn as it is, pale, and as a mean of the steps around.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    steps, evaluations = split(log)
    numbers = [row["step"] for row in steps]
    at = [row["step"] for row in evaluations]

    figure = new_figure(10, 6.2)
    figure.suptitle(title, fontsize=12)
    panels = figure.subplots(2, 2, sharex=True)
    (losses, metrics), (rates, norms) = panels

    dev = [row["dev_loss"] for row in evaluations]
    highest = _draw_noisy(losses, numbers, [row["loss"] for row in steps], "training")
    losses.plot(at, dev, "o-", color=RED, markersize=5, label="dev")
    losses.set(title="loss per example", ylim=(0, 1.1 * max(highest, *dev) or None))
    losses.legend(frameon=False)

    for name, color in zip(metric_names(evaluations), (GREEN, PURPLE, *BRIGHT), strict=False):
        values = [row[name] for row in evaluations]
        metrics.plot(at, values, "o-", color=color, markersize=5, label=name)
    shown = [row[name] for row in evaluations for name in metric_names(evaluations)]
    middle = (max(shown) + min(shown)) / 2
    reach = max(0.55 * (max(shown) - min(shown)), 0.05)  # a tenth in all, lest noise fill it
    metrics.set(title="dev metrics", ylim=(middle - reach, middle + reach))
    metrics.legend(frameon=False)

    rates.plot(numbers, [row["rate"] for row in steps], color=BLUE)
    rates.set(title="learning rate", xlabel="step", ylim=(0, None))
    rates.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)

    _draw_noisy(norms, numbers, [row["gradient_norm"] for row in steps], "")
    norms.set(title="gradient norm, before clipping", xlabel="step", yscale="log")
    norms.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    norms.yaxis.set_major_formatter("{x:g}")
    norms.yaxis.set_minor_formatter(NullFormatter())

    ends = {row["epoch"]: row["step"] for row in steps}  # the last step of each epoch
    every = -(-len(ends) // MOST_EPOCHS)
    kept = {epoch: step for epoch, step in ends.items() if epoch % every == 0}
    tidy(*panels.flat)
    for panel in panels.flat:
        panel.set_xlim(0, 1.02 * max(numbers))
        panel.xaxis.get_major_locator().set_params(integer=True)
        for step in kept.values():
            panel.axvline(step, color="0.85", linewidth=0.8, zorder=0)
    for panel in panels[0]:
        panel.set_title(panel.get_title(), fontsize=11, pad=18)
        for epoch, step in kept.items():
            above = {"transform": panel.get_xaxis_transform(), "ha": "center", "va": "bottom"}
            panel.text(step, 1.01, f"epoch {epoch}", **above, fontsize=8, color="0.4")
    save(figure, picture)


def draw_comparison(logs: dict[str, list[Rows]], picture: Path, title: str) -> None:
    """Training loss, dev loss and the first metric of several runs, over epochs.

    A run is a colour, and each of its seeds a line: `logs` has the rows of log.jsonl of each.
    Epochs and not steps, since runs with other batch sizes take other numbers of steps.
    """
    figure = new_figure(11, 3.6 + 0.22 * ((len(logs) + 2) // 3))
    figure.suptitle(title, fontsize=12)
    losses, dev_losses, metrics = panels = figure.subplots(1, 3, sharex=True)
    lines = []
    for number, seeds in enumerate(logs.values()):
        dashes = DASHES[number // len(BRIGHT) % len(DASHES)]
        style: dict[str, Any] = {"color": BRIGHT[number % len(BRIGHT)], "linestyle": dashes}
        style |= {"linewidth": 1.8 if len(seeds) == 1 else 1, "markersize": 4}
        for log in seeds:
            steps, evaluations = split(log)
            epochs = _epochs(steps)
            at = [epochs[row["step"]] for row in evaluations]
            loss = _smooth(np.array([row["loss"] for row in steps], dtype=float))
            (line,) = losses.plot(list(epochs.values()), loss, **style)
            dev_losses.plot(at, [row["dev_loss"] for row in evaluations], marker="o", **style)
            metric = metric_names(evaluations)[0]
            metrics.plot(at, [row[metric] for row in evaluations], marker="o", **style)
        lines.append(line)
    losses.set(title="training loss", ylim=(0, None))
    dev_losses.set(title="dev loss")
    metrics.set(title=f"dev {metric}")
    for panel in panels:
        panel.set(xlabel="epoch", xlim=(0, None))
        panel.xaxis.get_major_locator().set_params(integer=True)
    tidy(*panels)
    names = [f"{name} ({len(s)} seeds)" if len(s) > 1 else name for name, s in logs.items()]
    figure.legend(lines, names, loc="outside lower center", ncols=min(3, len(lines)), frameon=False)
    save(figure, picture)


def split(log: Rows) -> tuple[Rows, Rows]:
    """The rows of the steps that have a loss, and those of the evaluations."""
    steps = [row for row in log if row.get("loss") is not None]
    return steps, [row for row in log if row.get("dev_loss") is not None]


def metric_names(evaluations: Rows) -> list[str]:
    """The names of the metrics that evaluations report, the first one being the task's own."""
    return [name for name in evaluations[0] if name not in PLACES]


def _draw_noisy(
    panel: "Axes", at: Sequence[int], noisy: Sequence[float | None], name: str
) -> float:
    """Draw a course, pale, and its mean; returns the mean's highest point, to scale by."""
    values = np.array(noisy, dtype=float)  # None, an infinite value in the log, is NaN here
    mean = _smooth(values)
    panel.plot(at, values, color=BLUE, alpha=0.3, linewidth=0.8)
    panel.plot(at, mean, color=BLUE, label=name)
    return float(np.nanmax(mean, initial=0.0))


def _smooth(values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """The mean of a tenth of all values around each, near ones first; NaN where there is none."""
    reach = len(values) // 20
    window = np.hanning(2 * reach + 3)[1:-1]  # its outermost weights are zero
    known = np.isfinite(values)
    sums = np.convolve(np.where(known, values, 0.0), window, "same")
    counts = np.convolve(known.astype(float), window, "same")
    return np.divide(sums, counts, out=np.full_like(values, np.nan), where=counts > 0)


def _epochs(steps: Rows) -> dict[int, float]:
    """{step: epochs done after it}; an epoch that was broken off counts as long as the longest."""
    lengths: dict[int, int] = {}
    for row in steps:
        lengths[row["epoch"]] = lengths.get(row["epoch"], 0) + 1
    longest, done, within = max(lengths.values()), {}, 0
    for before, row in zip([None, *steps], steps, strict=False):
        within = within + 1 if before and before["epoch"] == row["epoch"] else 1
        length = longest if row["epoch"] == max(lengths) else lengths[row["epoch"]]
        done[row["step"]] = row["epoch"] - 1 + within / length
    return done
