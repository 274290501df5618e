"""What one sees while a model trains: a bar on a terminal, a line an epoch everywhere."""

import math
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from minibert.training.evaluation import Evaluation


class Progress:
    """A progress bar with loss, rate and time left."""

    def __init__(self, steps: int, done: int):
        console = Console()
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  rate {task.fields[rate]:.1e}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "", total=steps, completed=done, epoch=1, loss=float("nan"), rate=0.0
        )
        self._losses: list[float] = []

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, epoch: int, loss: float, rate: float) -> None:
        """One optimizer step is done."""
        self._losses.append(loss)
        self._bar.update(self._task, advance=1, epoch=epoch, loss=loss, rate=rate)

    def evaluated(self, epoch: int, step: int | None, found: Evaluation) -> None:
        """The dev set was evaluated: at the end of an epoch, or after a `step` within."""
        finite = [loss for loss in self._losses if math.isfinite(loss)]  # the others were skipped
        mean = sum(finite) / len(finite) if finite else math.nan
        self._losses.clear()
        place = f"epoch {epoch}" if step is None else f"epoch {epoch}, step {step}"
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in found.metrics.items())
        self._say(f"{place}  training loss {mean:.4f}  dev loss {found.loss:.4f}  {metrics}")

    def stopped(self, evaluations: int) -> None:
        """Training ends before its time."""
        self._say(f"stopped early: the last {evaluations} evaluations brought nothing better")

    def _say(self, line: str) -> None:
        self._bar.console.print(line, highlight=False)
