"""Runs laid side by side: which settings differ, what they reach, and their curves in one picture.

That is how one finds a learning rate, a batch size, or what freezing does.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minibert.errors import RunError
from minibert.training.reports.curves import Rows, draw_comparison, split
from minibert.training.run import read_json, read_log, seed_folders

# Where a run lies, and which seeds it is made of, is no difference between experiments.
OWN = ("output", "overwrite", "seeds", "environment")
CHOSEN = ("device", "precision", "attention")  # what "auto" became
RESULTS = ("task", "metrics", "dev_loss", "best_epoch", "seed", "train_seconds", *CHOSEN)


@dataclass(frozen=True)
class Experiment:
    """One run as it was named, with one seed or several."""

    name: str
    results: list[dict[str, Any]]  # metrics.json of each seed
    logs: list[Rows]
    settings: dict[str, str]  # as they are printed
    environment: dict[str, str]


def compare_runs(paths: Sequence[Path], picture: Path) -> str:
    """The table of the runs in `paths`; their curves are drawn as `picture`.

    Raises `RunError` for fewer than two runs, runs of different tasks, and a run that is
    unfinished or broken (naming the file).
    """
    if len(paths) < 2:
        raise RunError("compare wants two runs or more")
    runs = [_read(path) for path in paths]
    tasks = {run.results[0]["task"]: run for run in runs}
    if len(tasks) > 1:
        named = ", ".join(f"{run.name} is {task}" for task, run in tasks.items())
        raise RunError(f"only runs of one task can be compared: {named}")
    if not picture.absolute().parent.is_dir():
        raise RunError(f"--output {picture}: there is no folder {picture.parent}")
    (task,) = tasks

    differing = _differing([run.settings for run in runs])
    metrics = list(runs[0].results[0]["metrics"])
    head = ["run", *differing, *metrics, "dev loss", "best epoch", "seconds"]
    rows = [head]
    for run in runs:
        values = [run.settings.get(name, "-") for name in differing]
        values += [_mean(result["metrics"][name] for result in run.results) for name in metrics]
        values.append(_mean(result["dev_loss"] for result in run.results))
        values.append(" ".join(str(result["best_epoch"]) for result in run.results))
        values.append(f"{statistics.fmean(r['train_seconds'] for r in run.results):.1f}")
        rows.append([run.name, *values])
    lines = [f"{task}: {len(runs)} runs", "", _aligned(rows), ""]
    if any(len(run.results) > 1 for run in runs):
        lines.append("of several seeds: mean ± standard deviation, and the mean of the seconds")
    for name in _differing([run.environment for run in runs]):
        each = ", ".join(run.environment.get(name, "-") for run in runs)
        lines.append(f"not on equal terms: {name} is {each}")
    draw_comparison({run.name: run.logs for run in runs}, picture, task)
    return "\n".join([*lines, f"curves in {picture}"])


def _read(path: Path) -> Experiment:
    if not path.is_dir():
        raise RunError(f"{path}: no such run directory")
    folders = [path]
    if (path / "summary.json").is_file() or not (path / "settings.json").is_file():
        folders = seed_folders(path)
    if not folders:
        raise RunError(f"{path}: no settings.json there, so it is no run directory")
    results, logs = [], []
    for folder in folders:
        if not (folder / "metrics.json").is_file():
            raise RunError(f"{folder}: no metrics.json there: the run is not finished")
        results.append(_fields(folder / "metrics.json", RESULTS))
        log = read_log(folder / "log.jsonl")
        if not all(split(log)):
            raise RunError(f"{folder / 'log.jsonl'}: no step and evaluation in it")
        logs.append(log)
    settings = _fields(folders[0] / "settings.json", ("environment",))
    plain = {name: _words(value) for name, value in settings.items() if name not in OWN}
    plain |= {name: _words(results[0][name]) for name in CHOSEN}
    plain["seed"] = _words([result["seed"] for result in results])
    environment = {name: _words(value) for name, value in settings["environment"].items()}
    return Experiment(str(path), results, logs, plain, environment)


def _fields(path: Path, wanted: Sequence[str]) -> dict[str, Any]:
    content = read_json(path)
    missing = [name for name in wanted if name not in content]
    if missing:
        raise RunError(f"{path}: no {', '.join(map(repr, missing))} in it")
    return content


def _differing(of_runs: Sequence[dict[str, str]]) -> list[str]:
    """The names whose values are not the same in all runs."""
    names = dict.fromkeys(name for values in of_runs for name in values)
    return [name for name in names if len({values.get(name) for values in of_runs}) > 1]


def _words(value: Any) -> str:
    """A setting's value as it is printed."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(map(_words, value)) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _mean(numbers: Any) -> str:
    values = list(numbers)
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns under their heads: names to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
