"""GLUE: each task a row of one table; its files as gluebenchmark.com hands them out, or the hub.

Source: Wang et al. 2018, "GLUE"; the files' traps (quotes, byte order marks) as they are.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from minibert.errors import DataError
from minibert.tasks.sequence import Example, SequenceTask
from minibert.tasks.tsv import read_tsv


@dataclass(frozen=True)
class GlueTask(SequenceTask):
    """A task of the benchmark: what to learn, and where it stands in the files."""

    folder: str  # its folder in the benchmark's own layout
    columns: tuple[str, ...]  # header of the text column, or of both
    label_column: str
    file_labels: tuple[str, ...]  # how the classes are written in the files, in label_names' order
    hub_name: str  # its configuration in the hub's data set nyu-mll/glue
    hub_columns: tuple[str, ...]  # the text columns there
    score_range: tuple[float, float] | None = None  # what a score may be, where one is predicted

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The examples of one file. Raises `DataError` naming file and line."""
        examples = []
        columns = (*self.columns, self.label_column) if labelled else self.columns
        for cells, where in read_tsv(path, columns):
            texts = cells[: len(self.columns)]
            label = self._parse_label(cells[-1], where) if labelled else None
            examples.append(Example(texts[0], texts[1] if len(texts) > 1 else None, label))
        if not examples:
            raise DataError(f"{path}: a header, and no row below it")
        return examples

    def _parse_label(self, cell: str, where: str) -> int | float:
        if self.score_range is None:
            if cell not in self.file_labels:
                known = ", ".join(map(repr, self.file_labels))
                raise DataError(f"{where}: unknown label {cell!r}; {self.name} has {known}")
            return self.file_labels.index(cell)
        low, high = self.score_range
        try:
            score = float(cell)
        except ValueError as error:
            raise DataError(f"{where}: {cell!r} is no number") from error
        if not low <= score <= high:
            raise DataError(f"{where}: score {cell} lies outside {low:g} to {high:g}")
        return score

    def examples(self, split: str, file: Path | None, data: Path | None) -> list[Example]:
        """A split's examples: from `file`, else from the folder `data`, else from the hub."""
        if file is not None:
            return self.read(file)
        return self.read_hub(split) if data is None else self.read(self.file(data, split))

    def file(self, data: Path, split: str) -> Path:
        """The file of a split ("train", "dev", "test") in the benchmark's or the task's folder."""
        own = data / self.folder
        folder = own if own.is_dir() else data
        if not folder.is_dir():
            raise DataError(f"{data}: no such folder")
        path = folder / f"{split}.tsv"
        if not path.is_file():
            raise DataError(
                f"{data}: neither {self.folder}/{split}.tsv nor {split}.tsv is there; "
                f"name the folder that holds {self.folder}"
            )
        return path

    def read_hub(self, split: str) -> list[Example]:
        """The examples of a split, from the hub through `datasets` and its cache."""
        from datasets import load_dataset

        hub_split = {"train": "train", "dev": "validation", "test": "test"}[split]
        try:
            rows = load_dataset("nyu-mll/glue", self.hub_name, split=hub_split)
        except (OSError, ValueError, RuntimeError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{self.name} cannot be had from the hub ({reason}); "
                "give --data with GLUE's own files, or --train and --dev"
            ) from error
        examples = []
        for row in rows:
            texts = [row[column] for column in self.hub_columns]
            label = None if split == "test" else row["label"]
            examples.append(Example(texts[0], texts[1] if len(texts) > 1 else None, label))
        return examples


TASKS = {
    task.name: task
    for task in (
        GlueTask(
            name="sst-2",
            label_names=("negative", "positive"),
            metric_names=("accuracy",),
            folder="SST-2",
            columns=("sentence",),
            label_column="label",
            file_labels=("0", "1"),
            hub_name="sst2",
            hub_columns=("sentence",),
        ),
        GlueTask(
            name="mrpc",
            label_names=("not_equivalent", "equivalent"),
            metric_names=("accuracy", "f1"),
            folder="MRPC",
            columns=("#1 String", "#2 String"),
            label_column="Quality",
            file_labels=("0", "1"),
            hub_name="mrpc",
            hub_columns=("sentence1", "sentence2"),
        ),
        GlueTask(
            name="sts-b",
            label_names=(),
            metric_names=("pearson", "spearman"),
            folder="STS-B",
            columns=("sentence1", "sentence2"),
            label_column="score",
            file_labels=(),
            hub_name="stsb",
            hub_columns=("sentence1", "sentence2"),
            score_range=(0.0, 5.0),
        ),
    )
}


def task_named(name: str) -> GlueTask:
    """The row of a task; "sst-2", "SST-2" and "sst2" are the same. Raises `DataError`."""
    plain = name.lower().replace("-", "")
    for task in TASKS.values():
        if task.name.replace("-", "") == plain:
            return task
    raise DataError(f"no GLUE task {name!r}; there are {', '.join(TASKS)}")


def limited(examples: list[Example], limit: int | None) -> list[Example]:
    """At most `limit` examples: always the same random ones, in the order of the file."""
    if limit is None or limit >= len(examples):
        return examples
    kept = sorted(random.Random(0).sample(range(len(examples)), limit))
    return [examples[place] for place in kept]
