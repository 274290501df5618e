"""Pictures of what goes on in a model: who attends to whom, what is like what, what became of it.

Every function draws into axes of matplotlib, its own or those it is given, and returns them.
Colours are those of the reports, `minibert.tasks.reports.pictures`: colour-blind eyes tell them
apart. The ground is always white, so that pictures can be read in a dark notebook as well.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from minibert.tasks.reports.pictures import BLUE, BRIGHT, DOTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WRITTEN = 8  # rows of a map whose cells still have room for their numbers
SIDE_BY_SIDE = ("query", "key", "value"), ("token", "position", "segment")  # of the same input
PAST = {  # stages that go past others: the value past the scores, and what is added again
    "attention.value": "attention.context",
    "input": "attention.norm",
    "attention.norm": "output",
}


def use_style() -> None:
    """Set matplotlib's defaults to the course's looks: one palette, white ground, no box."""
    from cycler import cycler
    from matplotlib import rcParams

    rcParams.update(
        {
            "axes.prop_cycle": cycler(color=BRIGHT),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "figure.constrained_layout.use": True,
            "figure.dpi": 0.75 * DOTS_PER_INCH,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
        }
    )


def attention_map(
    probs: Tensor, tokens: Sequence[str], axes: "Axes | None" = None, title: str = ""
) -> "Axes":
    """Who attends to whom: probs (S, S), a row for each looking token; the darker, the more.

    `tokens` stand on both axes, marks in quotes. In small maps each cell has its number.
    """
    rows = len(tokens)
    axes = axes if axes is not None else _axes(1.4 + 0.42 * rows, 1.1 + 0.42 * rows)
    values = probs.detach().float().cpu()
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    labels = [_visible(token) for token in tokens]
    axes.set_xticks(range(rows), labels, rotation=90)
    axes.set_yticks(range(rows), labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="looked at", ylabel="looking", title=title)
    if rows <= MOST_WRITTEN:
        _write_cells(axes, values, dark=0.6)
    return axes


def head_maps(probs: Tensor, tokens: Sequence[str], columns: int = 4) -> "Figure":
    """A map for each head of one layer: probs (H, S, S). Words stand on the outer maps only."""
    from matplotlib import pyplot

    heads = len(probs)
    rows = -(-heads // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(2.7 * columns, 2.8 * rows), squeeze=False, sharex=True, sharey=True
    )
    for head, axes in enumerate(grid.flat):
        if head >= heads:
            axes.set_visible(False)
            continue
        attention_map(probs[head], tokens, axes, f"head {head}")
        axes.tick_params(labelsize=8)
        axes.set(xlabel="", ylabel="")
    figure.supxlabel("looked at")
    figure.supylabel("looking")
    return figure


def similarity_map(
    rows: Tensor, names: Sequence[str] | None = None, axes: "Axes | None" = None, title: str = ""
) -> "Axes":
    """The cosine between every two of the rows (N, D); red is alike, blue opposite."""
    unit = torch.nn.functional.normalize(rows.detach().float().cpu(), dim=-1)
    cosines = unit @ unit.T
    size = 4.2 if names is None else 1.4 + 0.42 * len(names)
    axes = axes if axes is not None else _axes(size + 0.8, size)
    image = axes.imshow(cosines, cmap="RdBu_r", vmin=-1, vmax=1)
    if names is not None:
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        if len(names) <= MOST_WRITTEN:
            _write_cells(axes, cosines, dark=0.7)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    axes.figure.colorbar(image, ax=axes, label="cosine", shrink=0.8)
    return axes


def step_curves(
    curves: Mapping[str, Sequence[float]], ylabel: str = "loss", axes: "Axes | None" = None
) -> "Axes":
    """One line for each name over the training steps, from step 1."""
    axes = axes if axes is not None else _axes(5.6, 3.2)
    for name, values in curves.items():
        axes.plot(range(1, len(values) + 1), values, label=name)
    axes.set(xlabel="step", ylabel=ylabel)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return axes


def flow(stages: Mapping[str, Tensor], axes: "Axes | None" = None, title: str = "") -> "Axes":
    """The named stages as boxes from top to bottom, with their shapes on the right.

    `stages`: what `minibert.trace.record` collected, or a part of it, in order. For all arrows of
    a layer leave `layers.N.` out of the names, and put in what goes into it, first, as "input".
    """
    rows = [list(names) for _, names in groupby(stages, _made_with)]
    width = max(map(len, stages)) + 2  # of a box; a letter is one unit wide
    places = {
        name: ((column - (len(row) - 1) / 2) * (width + 2), -number)
        for number, row in enumerate(rows)
        for column, name in enumerate(row)
    }
    edge = max(x for x, _ in places.values()) + width / 2 + 3
    axes = axes if axes is not None else _axes(0.18 * edge + 1, 0.5 + 0.48 * len(rows))
    axes.set(xlim=(-edge, edge + 20), ylim=(0.6 - len(rows), 0.6), title=title)
    axes.set_axis_off()

    for number, row in enumerate(rows):
        shapes = dict.fromkeys(" x ".join(map(str, stages[name].shape)) for name in row)
        axes.text(edge, -number, ", ".join(shapes), va="center", fontsize=9, family="monospace")
        for name in row:
            x, y = places[name]
            _box(axes, name, x, y, width)
            beside = len(row) > 1 and PAST.get(name) in places  # is not for the next row
            for below in rows[number + 1] if number + 1 < len(rows) and not beside else ():
                _arrow(axes, (x, y - 0.27), (places[below][0], y - 0.73))

    for name, target in PAST.items():
        if name in places and target in places:
            (x, y), (end, down) = places[name], places[target]
            if x > 0:  # straight down, and in from the right
                _arrow(axes, (x, y - 0.27), (x, down), (end + width / 2, down))
            else:  # out to the left, beyond all that lies between, and in again
                between = [left for left, height in places.values() if down <= height <= y]
                lane = min(between) - width / 2 - 2
                out, back = (x - width / 2, y - 0.1), (end - width / 2, down + 0.1)
                _arrow(axes, out, (lane, out[1]), (lane, back[1]), back)
    return axes


def _visible(token: str) -> str:
    """The token; a mark, such as a full stop, in quotes, as by itself it is a mere dot."""
    return f"“{token}”" if len(token) == 1 and not token.isalnum() else token


def _made_with(name: str) -> Sequence[str] | str:
    """What is the same for stages that are made side by side, and for no others."""
    return next((group for group in SIDE_BY_SIDE if name.split(".")[-1] in group), name)


def _box(axes: "Axes", name: str, x: float, y: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (x - width / 2, y - 0.27)
    axes.add_patch(Rectangle(corner, width, 0.54, facecolor="white", edgecolor=BLUE))
    axes.text(x, y, name, ha="center", va="center", fontsize=9)


def _arrow(axes: "Axes", *points: tuple[float, float]) -> None:
    """An arrow from the first point to the last, straight between neighbours."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    path = Path(points)
    axes.add_patch(FancyArrowPatch(path=path, arrowstyle="->", mutation_scale=10, color="0.5"))


def _axes(width: float, height: float) -> "Axes":
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height))[1]


def _write_cells(axes: "Axes", values: Tensor, dark: float) -> None:
    """Write each cell's number into it, in white where the ground is dark."""
    for (row, column), value in zip(
        torch.cartesian_prod(*map(torch.arange, values.shape)).tolist(),
        values.flatten().tolist(),
        strict=True,
    ):
        color = "white" if abs(value) > dark else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
