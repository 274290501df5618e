"""Pictures of what goes on in a model: who attends to whom, what is like what, what became of it.

Every function draws into axes of matplotlib, its own or those it is given, and returns them.
Colours are those of the reports, `minibert.tasks.reports.pictures`: colour-blind eyes tell them
apart. The ground is always white, so that pictures can be read in a dark notebook as well.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from minibert.tasks.reports.pictures import BLUE, BRIGHT, DOTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WRITTEN = 8  # rows of a map whose cells still have room for their numbers


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

    `tokens` stand on both axes. In small maps each cell has its number.
    """
    rows = len(tokens)
    axes = axes if axes is not None else _axes(1.4 + 0.42 * rows, 1.1 + 0.42 * rows)
    values = probs.detach().float().cpu()
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(rows), tokens, rotation=90)
    axes.set_yticks(range(rows), tokens)
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
        rows, columns, figsize=(2.4 * columns, 2.5 * rows), squeeze=False, sharex=True, sharey=True
    )
    for head, axes in enumerate(grid.flat):
        if head >= heads:
            axes.set_visible(False)
            continue
        attention_map(probs[head], tokens, axes, f"head {head}")
        axes.tick_params(labelsize=7)
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
    """The named stages as boxes from top to bottom, each with the shape that it has.

    `stages`: what `minibert.trace.record` collected, or a part of it, in order.
    """
    axes = axes if axes is not None else _axes(5.6, 0.5 + 0.42 * len(stages))
    for place, (name, value) in enumerate(stages.items()):
        shape = " x ".join(map(str, value.shape))
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": BLUE}
        axes.text(0, -place, name, ha="center", va="center", bbox=box, fontsize=9)
        axes.text(1.05, -place, shape, ha="left", va="center", fontsize=9, family="monospace")
        if place:
            arrow = {"arrowstyle": "->", "color": "0.5", "shrinkA": 9, "shrinkB": 9}
            axes.annotate("", (0, -place), (0, 1 - place), arrowprops=arrow)
    axes.set(xlim=(-1.2, 2), ylim=(-len(stages) + 0.4, 0.6), title=title)
    axes.set_axis_off()
    return axes


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
