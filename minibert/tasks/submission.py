"""What the GLUE server takes: eleven files, `index` and `prediction`, in one zip.

Source: gluebenchmark.com, FAQ, "How do I prepare a submission?".
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minibert.checkpoint.disk import write_atomically
from minibert.errors import DataError
from minibert.tasks.glue import TASKS, GlueTask

HEADER = "index\tprediction"
# {file: (task, split)} of all eleven
FILES = {
    split.submission: (task, name)
    for task in TASKS.values()
    for name, split in task.splits.items()
    if split.submission
}


def write_submission(path: Path, task: GlueTask, logits: NDArray[np.float32]) -> None:
    """One of the eleven files, from the logits (N, C) of the test examples in their order.

    Classes stand as in the task's files: in words for MNLI, AX, QNLI and RTE, else 0 or 1. Scores
    are clipped to their range.
    """
    if task.score_range is None:
        cells = [task.file_labels[guess] for guess in logits.argmax(-1)]
    else:
        cells = [f"{score:.3f}" for score in np.clip(logits[:, 0], *task.score_range)]
    lines = [HEADER, *(f"{index}\t{cell}" for index, cell in enumerate(cells))]
    write_atomically(path, "\n".join(lines) + "\n")


def check_submission(path: Path, task: GlueTask, rows: int) -> None:
    """Raises `DataError` naming the line unless the file is what the server takes.

    rows: how many examples the task's test set has.
    """
    header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if header != HEADER:
        raise DataError(f"{path}, line 1: the header must be {HEADER!r}, not {header!r}")
    if len(lines) != rows:
        raise DataError(f"{path}: {len(lines)} predictions for {rows} test examples")
    for index, line in enumerate(lines):
        number, _, cell = line.partition("\t")
        if number != str(index):
            raise DataError(f"{path}, line {index + 2}: the index must be {index}, not {number!r}")
        if not _is_answer(cell, task):
            known = ", ".join(task.file_labels) or "a number from 0 to 5"
            raise DataError(f"{path}, line {index + 2}: {cell!r} is none of {known}")


def _is_answer(cell: str, task: GlueTask) -> bool:
    if task.score_range is None:
        return cell in task.file_labels
    low, high = task.score_range
    try:
        return low <= float(cell) <= high
    except ValueError:
        return False


def zip_submission(files: Mapping[str, Path], target: Path) -> list[str]:
    """Put checked files into a zip under their official names; returns the names still missing."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, file in files.items():
                archive.write(file, name)

    write_atomically(target, write)
    return [name for name in FILES if name not in files]
