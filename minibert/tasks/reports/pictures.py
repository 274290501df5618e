"""Pictures of a run: one style for all of them, and those that the report shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Paul Tol's "bright" scheme: told apart by colour-blind eyes, and on dark and light ground.
BLUE, RED, GREEN, YELLOW, CYAN, PURPLE, GREY = BRIGHT = (
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
    "#BBBBBB",
)
DOTS_PER_INCH = 120
MOST_NUMBERED = 20  # classes in a confusion matrix whose cells still have room for their counts


def new_figure(width: float, height: float) -> "Figure":
    """An empty picture; the sizes are inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    return figure


def tidy(*panels: "Axes") -> None:
    """No frame, and a light grid behind the lines for reading off heights."""
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="0.9", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.title.set_fontsize(11)


def save(figure: "Figure", path: Path) -> None:
    """Write the picture as PNG."""
    figure.savefig(path, dpi=DOTS_PER_INCH)


def draw_confusion(counts: NDArray[np.int64], names: Sequence[str], picture: Path) -> None:
    """The confusion matrix (C, C), a row for each true class; the darker, the more of its row."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    classes = len(names)
    numbered = classes <= MOST_NUMBERED
    side = max(2.8, 0.75 * classes) if numbered else 0.22 * classes
    longest = max(map(len, names))
    upright = classes > 3 or longest > 14
    words = 0.08 * longest  # how long the longest name is, in inches
    figure = new_figure(
        side + words + (0.6 if numbered else 1.6), side + 0.6 + (words if upright else 0)
    )
    panel = figure.subplots()
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    if numbered:
        for (row, column), count in np.ndenumerate(counts):
            dark = shares[row, column] > 0.6
            counted = f"{count:,}\n{shares[row, column]:.0%}"
            ink = "white" if dark else "0.15"
            panel.text(column, row, counted, ha="center", va="center", color=ink, fontsize=9)
    else:
        bar = figure.colorbar(image, format="{x:.0%}", shrink=0.6)
        bar.ax.set(ylim=(0, 1), ylabel="share of the true class")
    panel.set(xlabel="predicted", ylabel="truth")
    panel.set_xticks(range(classes), names, rotation=90 if upright else 0)
    panel.set_yticks(range(classes), names)
    panel.tick_params(length=0, labelsize=9 if numbered else 7)
    panel.spines[:].set_visible(False)
    for edge in np.arange(0.5, classes - 1):
        panel.axhline(edge, color="white")
        panel.axvline(edge, color="white")
    save(figure, picture)


def draw_calibration(bins: Sequence[Any], error: float, picture: Path) -> None:
    """Reliability diagram of `report.Bin`s: how often the model is right when it is how sure.

    The bars are 95 % intervals of Wilson's, which are honest for a bin of few examples.
    """
    from scipy.stats import binomtest

    figure = new_figure(4.4, 4.6)
    panel, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    confidence = [one.confidence for one in bins]
    accuracy = np.array([one.accuracy for one in bins])
    tests = [binomtest(round(one.accuracy * one.examples), one.examples) for one in bins]
    ends = np.array([test.proportion_ci(method="wilson") for test in tests]).T  # (2, bins)
    low = min(min(one.low for one in bins), 0.5)

    panel.plot([low, 1], [low, 1], color="0.6", linewidth=1, label="perfectly calibrated")
    reach = np.abs(ends - accuracy)
    style: dict[str, Any] = {"fmt": "o", "color": BLUE, "elinewidth": 1, "clip_on": False}
    panel.errorbar(confidence, accuracy, reach, **style, label="this model, 95 % interval")
    panel.set(ylabel="share that is right", ylim=(0, 1.03), xlim=(low - 0.01, 1.01))
    panel.set_title(f"expected calibration error {error:.3f}")
    panel.legend(frameon=False, fontsize=9)

    width = bins[0].high - bins[0].low
    middles = [(one.low + one.high) / 2 for one in bins]
    below.bar(middles, [one.examples for one in bins], width=0.9 * width, color=BLUE, alpha=0.5)
    below.set(xlabel="probability of the predicted class", ylabel="examples")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter("{x:.0%}")
    figure.align_ylabels()
    tidy(panel, below)
    save(figure, picture)


def draw_scatter(
    truth: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], picture: Path
) -> None:
    """Predicted over true scores (N,); on the grey line they are equal."""
    figure = new_figure(4.6, 4.6)
    panel = figure.subplots()
    low = float(min(truth.min(), scores.min()))
    high = float(max(truth.max(), scores.max()))
    room = 0.05 * (high - low) or 0.5
    both = (low - room, high + room)
    panel.plot(both, both, color="0.6", linewidth=1)
    opacity = min(0.7, 25 / len(truth) ** 0.6)  # many points: crowds show darker
    panel.scatter(truth, scores, s=18, color=BLUE, alpha=opacity, linewidths=0)
    panel.set(xlabel="true score", ylabel="predicted score", xlim=both, ylim=both, aspect="equal")
    panel.locator_params(nbins=6)
    tidy(panel)
    panel.grid(axis="x", color="0.9", linewidth=0.8)
    save(figure, picture)
