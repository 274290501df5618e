"""The run directory: everything a training run leaves behind, under fixed names.

settings.json     all settings, versions, threads and processes
log.jsonl         per step: loss, rate, gradient norm; per evaluation: metrics (reproducible)
timing.jsonl      by the clock: seconds and tokens so far, tokens per second, most memory so far
metrics.json      the result, and warnings about it
curves.png        loss, metrics, rate and gradient norm over the steps
data.txt          how many examples there are, what was cut, left out, or is amiss with them
report.md         what the best model makes of the dev set, with pictures: confusion.png and
                  calibration.png, or scatter.png; report.json has the same for programs
lr_range.png      alone with log.jsonl and settings.json: a learning-rate range test
predictions.tsv   the best model's answers on the dev set; for SQuAD predictions.json,
                  nbest_predictions.json and null_odds.json in the official forms, and
                  questions.tsv with the score of each; for tagging predictions.txt
checkpoints/      while it trains: all that is needed to resume it (see `checkpoints`)
model/            the best model with its tokenizer, in Hugging Face's format
submission/       files for the GLUE server, where they were asked for
tensorboard/      the log once more, with --tensorboard
"""

import json
import math
import os
import platform
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TextIO

import torch

import minibert

if sys.platform != "win32":
    import resource

from minibert.checkpoint.disk import write_json
from minibert.errors import RunError
from minibert.model.pretrained import Pretrained
from minibert.tokenization import BertTokenizer
from minibert.training.checkpoints import remove_checkpoints
from minibert.training.reports.board import Board

LOGS = ("log.jsonl", "timing.jsonl")
FILES = (
    "settings.json",
    *LOGS,
    "metrics.json",
    "summary.json",
    "curves.png",
    "lr_range.png",
    "data.txt",
    "report.json",
    "report.md",
    "confusion.png",
    "calibration.png",
    "scatter.png",
    "predictions.tsv",
    "predictions.txt",
    "predictions.json",
    "nbest_predictions.json",
    "null_odds.json",
    "questions.tsv",
)
FOLDERS = ("model", "submission", "tensorboard")


class RunDirectory:
    """One run's folder while it is written."""

    def __init__(
        self,
        path: Path,
        settings: dict[str, object],
        lengths: dict[str, int] | None = None,
        tensorboard: bool = False,
        writes: bool = True,
    ):
        """Take a folder that `make_room` has cleared, and write down how the run was started.

        lengths: of a run that is resumed, what `lengths` was; its logs are cut to it, since what
        stands beyond will be written again. writes: whether this process does; of several, one.
        """
        self.path = path
        self.model = path / "model"
        self.checkpoints = path / "checkpoints"
        self.writes = writes
        self._started = self._before = time.perf_counter()
        self._tokens: int | None = None
        self._logs: dict[str, TextIO] = {}
        self._board: Board | None = None
        if not writes:
            return
        path.mkdir(parents=True, exist_ok=True)
        if lengths is None:
            write_json(path / "settings.json", {**settings, "environment": environment()})
        for name in LOGS:
            self._logs[name] = (path / name).open("a", encoding="utf-8", buffering=1)
            self._logs[name].truncate(lengths[name] if lengths else 0)
        if tensorboard:
            self._board = Board(path / "tensorboard")

    @property
    def lengths(self) -> dict[str, int]:
        """Bytes written to each log so far."""
        return {name: log.tell() for name, log in self._logs.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for log in self._logs.values():
            log.close()
        if self._board is not None:
            self._board.close()

    def log(self, row: dict[str, Any], tokens: int | None = None) -> None:
        """Append one row to log.jsonl and, where `tokens` were processed, one to timing.jsonl."""
        if not self.writes:
            return
        plain = {name: None if _is_infinite(value) else value for name, value in row.items()}
        self._logs["log.jsonl"].write(json.dumps(plain) + "\n")
        if self._board is not None:
            self._board.add(plain)
        if tokens is not None:
            now = time.perf_counter()
            speed = None  # of the first step it is not known how long it took
            if self._tokens is not None:
                speed = round((tokens - self._tokens) / (now - self._before), 1)
            self._tokens, self._before = tokens, now
            clock = {
                "step": row["step"],
                "seconds": round(now - self._started, 4),
                "tokens": tokens,
                "tokens_per_second": speed,
                "memory_mb": peak_memory_mb(),
            }
            self._logs["timing.jsonl"].write(json.dumps(clock) + "\n")

    def keep(self, model: Pretrained, tokenizer: BertTokenizer) -> None:
        """This is the best model so far."""
        if self.writes:
            model.save_pretrained(self.model, tokenizer)


def _is_infinite(value: Any) -> bool:
    """NaN counts: JSON has neither, and float16's first gradient norms are often infinite."""
    return isinstance(value, float) and not math.isfinite(value)


def is_complete(path: Path) -> bool:
    """Whether a run came to its end: metrics.json is written last."""
    return (path / "metrics.json").is_file()


def make_room(path: Path, overwrite: bool, resume: bool = False) -> None:
    """See that `path` can take a run: new, empty, or with `overwrite` an earlier run, now removed.

    With `resume` an earlier run may stay, and nothing is removed. Raises `RunError` otherwise. Only
    what a run writes is ever removed.
    """
    if path.is_file():
        raise RunError(f"--output {path} is a file; name a folder")
    if not path.exists() or not any(path.iterdir()):
        return
    own = [path / "settings.json", path / "summary.json"]
    seeds = seed_folders(path)
    if not seeds and not any(file.is_file() for file in own):
        raise RunError(f"--output {path} holds files that are no run's; choose another folder")
    if resume:
        return
    if not overwrite:
        raise RunError(
            f"--output {path} already holds a run; choose another folder, replace it with "
            "--overwrite, or go on with it: --resume auto"
        )
    for run in (path, *seeds):
        for name in FILES:
            (run / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(run / name, ignore_errors=True)
        remove_checkpoints(run / "checkpoints")
    for run in seeds:
        if not any(run.iterdir()):
            run.rmdir()


def seed_folders(path: Path) -> list[Path]:
    """The runs inside `path`, one for each seed; a folder that only has such a name is none."""
    return sorted(file.parent for file in path.glob("seed-*/settings.json"))


def find_run(path: Path) -> Path:
    """`path` if it is a run; where it holds several seeds, the one that did best on dev."""
    if not path.is_dir():
        raise RunError(f"{path}: no such run directory")
    if (path / "summary.json").is_file():
        best = read_json(path / "summary.json").get("best")
        if best not in [folder.name for folder in seed_folders(path)]:
            raise RunError(f"{path / 'summary.json'}: its best run, {best!r}, is not there")
        return path / best
    if not (path / "settings.json").is_file():
        if seeds := seed_folders(path):
            raise RunError(f"{path}: stopped before its last seed; name one, such as {seeds[0]}")
        raise RunError(f"{path}: no settings.json there, so it is no run directory")
    if not (path / "model" / "model.safetensors").is_file():
        raise RunError(
            f"{path}: the run stopped before its first evaluation; there is no model yet"
        )
    return path


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object that a run wrote. Raises `RunError` naming the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable ({error})") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: no JSON object")
    return content


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log.jsonl. Raises `RunError` naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable ({error})") from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path}, line {number}: no JSON object ({error})") from error
    return rows


def environment() -> dict[str, Any]:
    """What a result may depend on beside the settings: versions, machine, threads, processes."""
    packages = ("torch", "numpy", "tokenizers", "safetensors", "scikit-learn", "scipy")
    return {
        "minibert": minibert.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "platform": platform.platform(),
        "processor_cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def peak_memory_mb() -> int | None:
    """Most memory used so far: the GPU's where there is one, else this process's, if known."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated() // 2**20)
    if sys.platform == "win32":
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak // (2**20 if sys.platform == "darwin" else 2**10))
