"""curves.png: how loss, metrics and learning rate went, from a run's log.jsonl."""

import json
from pathlib import Path
from typing import Any

# Paul Tol's "bright" scheme: told apart by colour-blind eyes, and on dark and light ground.
BLUE, RED, GREEN, YELLOW, CYAN, PURPLE = (
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
)


def draw_curves(log: Path, picture: Path, title: str) -> None:
    """Three panels over the optimizer steps: losses, dev metrics, learning rate."""
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [row for row in rows if "loss" in row]
    evaluations = [row for row in rows if "dev_loss" in row]
    at = [row["step"] for row in evaluations]

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    figure.suptitle(title)
    losses, metrics, rates = figure.subplots(1, 3)

    numbers = [row["step"] for row in steps]
    losses.plot(numbers, [row["loss"] for row in steps], color=BLUE, alpha=0.25, linewidth=0.8)
    losses.plot(numbers, _smooth(steps), color=BLUE, label="training")
    losses.plot(at, [row["dev_loss"] for row in evaluations], "o-", color=RED, label="dev")
    losses.set(title="loss", xlabel="step", ylim=(0, None))
    losses.legend(frameon=False)

    known = ("step", "epoch", "dev_loss")
    names = [name for name in evaluations[0] if name not in known]
    for name, color in zip(names, (GREEN, PURPLE, YELLOW, CYAN), strict=False):
        values = [row[name] for row in evaluations]
        metrics.plot(at, values, "o-", color=color, label=name)
    metrics.set(title="dev metrics", xlabel="step", xlim=(0, max(at) * 1.05))
    metrics.legend(frameon=False)

    rates.plot(numbers, [row["rate"] for row in steps], color=BLUE)
    rates.set(title="learning rate", xlabel="step", ylim=(0, None))
    for panel in (losses, metrics, rates):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
    figure.savefig(picture, dpi=120)


def _smooth(steps: list[dict[str, Any]], memory: float = 0.95) -> list[float]:
    """An exponential moving average, corrected for its start at zero."""
    average, smooth = 0.0, []
    for count, row in enumerate(steps, 1):
        average = memory * average + (1 - memory) * row["loss"]
        smooth.append(average / (1 - memory**count))
    return smooth
