"""GLUE: each task a row of one table; its files as gluebenchmark.com hands them out, or the hub.

Source: Wang et al. 2018, "GLUE"; the files' traps (quotes, byte order marks, missing headers) as
they are. Classes are numbered as Google's run_classifier.py numbers them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from minibert.errors import DataError
from minibert.tasks.features import Example
from minibert.tasks.sequence import SequenceTask
from minibert.tasks.sources import Sources, first_folder, hub_rows
from minibert.tasks.tsv import read_tsv


class Split(NamedTuple):
    """One part of a task's data, under its three names."""

    file: str  # in the task's folder
    hub: str | None  # on the hub; None: it is not there
    submission: str | None = None  # the file with its predictions that the GLUE server takes


def _splits(submission: str) -> dict[str, Split]:
    """The splits of most tasks."""
    return {
        "train": Split("train.tsv", "train"),
        "dev": Split("dev.tsv", "validation"),
        "test": Split("test.tsv", "test", submission),
    }


@dataclass(frozen=True)
class GlueTask(SequenceTask):
    """A task of the benchmark: what to learn, and where it stands in the files."""

    folders: tuple[str, ...]  # names of its folder in the benchmark's own layout, the usual first
    columns: tuple[str, ...]  # header of the text column, or of both
    label_column: str
    file_labels: tuple[str, ...]  # how the classes are written in the files, in label_names' order
    hub_name: str  # its configuration in the hub's data set nyu-mll/glue
    hub_columns: tuple[str, ...]  # the text columns there
    splits: Mapping[str, Split]
    hub_labels: tuple[str, ...] = ()  # the classes in the hub's order, where it is another
    score_range: tuple[float, float] | None = None  # what a score may be, where one is predicted
    bare_columns: tuple[str, ...] = ()  # what the columns of files without a header are
    labelled_columns: tuple[str, ...] = ()  # `columns` of the labelled file, where they differ
    has_incomplete_rows: bool = False  # GLUE's own files hold rows with cells missing
    see_also: tuple[str, ...] = ()  # other tasks whose test examples its models answer

    @property
    def about_pairs(self) -> bool:
        """Whether an example is a pair of texts."""
        return len(self.columns) == 2

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The examples of one file. Raises `DataError` naming file and line.

        Where GLUE's own labelled files have incomplete rows (QQP), these are left out and counted
        aloud; everywhere else such a row is an error.
        """
        texts = (labelled and self.labelled_columns) or self.columns
        columns = (*texts, self.label_column) if labelled else texts
        incomplete: list[int] | None = [] if labelled and self.has_incomplete_rows else None
        examples = []
        for cells, where in read_tsv(path, columns, self.bare_columns, incomplete):
            label = self._parse_label(cells[-1], where) if labelled else None
            examples.append(Example(cells[0], cells[1] if self.about_pairs else None, label))
        if not examples:
            raise DataError(f"{path}: a header, and no row below it")
        if incomplete:
            print(
                f"{path}: {len(incomplete)} incomplete rows left out, as everybody does; "
                f"the first in line {incomplete[0]}"
            )
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

    def examples(self, split: str, sources: Sources) -> list[Example]:
        """A split's examples: from its own file, else from the folder, else from the hub.

        The examples of "test" splits have no labels, unless the file was given by itself.
        """
        if split not in self.splits:
            there = ", ".join(self.splits)
            others = [task.name for task in TASKS.values() if self.name in task.see_also]
            advice = f"; runs of {others[0]} answer it" if others else ""
            raise DataError(f"{self.name} has no {split} examples, only {there}{advice}")
        file = sources.file(split)
        if file is not None:
            return self.read(file)
        if sources.data is None:
            return self.read_hub(split)
        return self.read(self.file(sources.data, split), labelled=not split.startswith("test"))

    def more_dev_splits(self, sources: Sources) -> tuple[str, ...]:
        """MNLI's mismatched dev set, unless a single file was given as dev set."""
        if sources.dev is not None:
            return ()
        return tuple(name for name in self.splits if name.startswith("dev_"))

    def file(self, data: Path, split: str) -> Path:
        """The file of a split in the benchmark's or the task's folder."""
        path = first_folder(data, self.folders) / self.splits[split].file
        if not path.is_file():
            raise DataError(
                f"{data}: neither {self.folders[0]}/{path.name} nor {path.name} is there; "
                f"name the folder that holds {self.folders[0]}"
            )
        return path

    def read_hub(self, split: str) -> list[Example]:
        """The examples of a split, from the hub through `datasets` and its cache."""
        hub_split = self.splits[split].hub
        instead = "give --data with GLUE's own files, or --train and --dev"
        if hub_split is None:
            raise DataError(f"the hub has no {split} examples of {self.name}; {instead}")
        rows = hub_rows(self.name, "nyu-mll/glue", self.hub_name, hub_split, instead)
        order = self.hub_labels or self.label_names
        examples = []
        for row in rows:
            texts = [row[column] for column in self.hub_columns]
            label = None if split.startswith("test") else row["label"]
            if label is not None and self.label_names:
                label = self.label_names.index(order[label])
            examples.append(Example(texts[0], texts[1] if self.about_pairs else None, label))
        return examples


SENTENCES = ("sentence1", "sentence2")
MNLI_LABELS = ("contradiction", "entailment", "neutral")  # Google's order
HUB_MNLI_LABELS = ("entailment", "neutral", "contradiction")
ENTAILMENT = ("entailment", "not_entailment")

TASKS = {
    task.name: task
    for task in (
        GlueTask(
            name="cola",
            label_names=("unacceptable", "acceptable"),
            metric_names=("matthews",),
            folders=("CoLA",),
            columns=("sentence",),
            label_column="label",
            file_labels=("0", "1"),
            hub_name="cola",
            hub_columns=("sentence",),
            splits=_splits("CoLA.tsv"),
            bare_columns=("source", "label", "author's mark", "sentence"),
        ),
        GlueTask(
            name="sst-2",
            label_names=("negative", "positive"),
            metric_names=("accuracy",),
            folders=("SST-2",),
            columns=("sentence",),
            label_column="label",
            file_labels=("0", "1"),
            hub_name="sst2",
            hub_columns=("sentence",),
            splits=_splits("SST-2.tsv"),
        ),
        GlueTask(
            name="mrpc",
            label_names=("not_equivalent", "equivalent"),
            metric_names=("accuracy", "f1"),
            folders=("MRPC",),
            columns=("#1 String", "#2 String"),
            label_column="Quality",
            file_labels=("0", "1"),
            hub_name="mrpc",
            hub_columns=SENTENCES,
            splits=_splits("MRPC.tsv"),
        ),
        GlueTask(
            name="sts-b",
            label_names=(),
            metric_names=("pearson", "spearman"),
            folders=("STS-B",),
            columns=SENTENCES,
            label_column="score",
            file_labels=(),
            hub_name="stsb",
            hub_columns=SENTENCES,
            splits=_splits("STS-B.tsv"),
            score_range=(0.0, 5.0),
        ),
        GlueTask(
            name="qqp",
            label_names=("not_duplicate", "duplicate"),
            metric_names=("accuracy", "f1"),
            folders=("QQP",),
            columns=("question1", "question2"),
            label_column="is_duplicate",
            file_labels=("0", "1"),
            hub_name="qqp",
            hub_columns=("question1", "question2"),
            splits=_splits("QQP.tsv"),
            has_incomplete_rows=True,
        ),
        GlueTask(
            name="mnli",
            label_names=MNLI_LABELS,
            metric_names=("accuracy",),
            folders=("MNLI",),
            columns=SENTENCES,
            label_column="gold_label",
            file_labels=MNLI_LABELS,
            hub_name="mnli",
            hub_columns=("premise", "hypothesis"),
            hub_labels=HUB_MNLI_LABELS,
            splits={
                "train": Split("train.tsv", "train"),
                "dev": Split("dev_matched.tsv", "validation_matched"),
                "dev_mismatched": Split("dev_mismatched.tsv", "validation_mismatched"),
                "test": Split("test_matched.tsv", "test_matched", "MNLI-m.tsv"),
                "test_mismatched": Split("test_mismatched.tsv", "test_mismatched", "MNLI-mm.tsv"),
            },
            see_also=("ax",),
        ),
        GlueTask(
            name="qnli",
            label_names=ENTAILMENT,
            metric_names=("accuracy",),
            folders=("QNLI",),
            columns=("question", "sentence"),
            label_column="label",
            file_labels=ENTAILMENT,
            hub_name="qnli",
            hub_columns=("question", "sentence"),
            splits=_splits("QNLI.tsv"),
        ),
        GlueTask(
            name="rte",
            label_names=ENTAILMENT,
            metric_names=("accuracy",),
            folders=("RTE",),
            columns=SENTENCES,
            label_column="label",
            file_labels=ENTAILMENT,
            hub_name="rte",
            hub_columns=SENTENCES,
            splits=_splits("RTE.tsv"),
        ),
        GlueTask(
            name="wnli",
            label_names=("not_entailment", "entailment"),
            metric_names=("accuracy",),
            folders=("WNLI",),
            columns=SENTENCES,
            label_column="label",
            file_labels=("0", "1"),
            hub_name="wnli",
            hub_columns=SENTENCES,
            splits=_splits("WNLI.tsv"),
        ),
        GlueTask(  # the diagnostic: nothing to train on, answered by MNLI's runs
            name="ax",
            label_names=MNLI_LABELS,
            metric_names=("matthews",),
            folders=("AX", "diagnostic"),
            columns=SENTENCES,
            label_column="Label",
            file_labels=MNLI_LABELS,
            hub_name="ax",
            hub_columns=("premise", "hypothesis"),
            hub_labels=HUB_MNLI_LABELS,
            splits={
                "dev": Split("diagnostic-full.tsv", None),
                "test": Split("diagnostic.tsv", "test", "AX.tsv"),
            },
            labelled_columns=("Premise", "Hypothesis"),
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
