"""Texts of one's own: a table with a column of texts and a column of classes or scores."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from minibert.errors import DataError
from minibert.tasks.features import Example
from minibert.tasks.sequence import SequenceTask
from minibert.tasks.sources import Sources, held_out
from minibert.tasks.tables import SUFFIXES, read_table

LOPSIDED = 3  # said where the largest class has so many times the examples of the smallest
MOST_SHOWN = 20  # classes counted one by one


@dataclass(frozen=True)
class TextTask(SequenceTask):
    """Classes, or with `regression` scores, of texts or pairs of texts."""

    text_column: str
    pair_column: str | None
    label_column: str
    regression: bool
    dev_share: float  # of the training rows, held out where no dev file is given
    split_seed: int  # decides which rows these are
    train_sha256: str | None  # of the training file, if its dev rows were held out

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The task as settings.json describes it; before training its classes are not yet known."""
        regression = settings["regression"]
        return cls(
            name="text",
            label_names=tuple(settings.get("label_names", ())),
            metric_names=("pearson", "spearman") if regression else ("accuracy", "macro_f1"),
            text_column=settings["text_column"],
            pair_column=settings["pair_column"],
            label_column=settings["label_column"],
            regression=regression,
            dev_share=settings["dev_share"],
            split_seed=settings["split_seed"],
            train_sha256=settings.get("train_sha256"),
        )

    @property
    def about_pairs(self) -> bool:
        """Whether an example is a pair of texts."""
        return self.pair_column is not None

    def prepared(self, sources: Sources) -> Self:
        """The task with the classes of its training file, which are counted aloud."""
        path = _file("train", sources)
        assert path is not None  # of "train", `_file` gives one or raises
        made = self if self.regression else self._with_classes(path)
        if _file("dev", sources) is None:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            made = replace(made, train_sha256=digest)
            print(
                f"no dev file: {self.dev_share:.0%} of the rows of {path.name} are held out as "
                f"dev set{'' if self.regression else ', of every class alike'} "
                f"(--split-seed {self.split_seed})"
            )
        return made

    def _with_classes(self, path: Path) -> Self:
        counts = Counter(label.strip() for (label,), _ in read_table(path, [self.label_column]))
        del counts[""]  # said with its line when the rows are read
        names = _sorted(counts)
        total = counts.total()
        if len(names) < 2:
            found = f"only {names[0]!r}" if names else "nothing"
            raise DataError(f"{path}: {self.label_column!r} holds {found}; it takes two classes")
        if len(names) > max(MOST_SHOWN, total / 2):
            raise DataError(
                f"{path}: {self.label_column!r} holds {len(names)} different values in {total} "
                "rows: no classes; for scores give --regression"
            )
        shown = [f"{name} {counts[name]} ({counts[name] / total:.0%})" for name in names]
        more = f", and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        print(f"{len(names)} classes: {', '.join(shown[:MOST_SHOWN])}{more}")
        (most, larger), *_, (least, smaller) = counts.most_common()
        if larger >= LOPSIDED * smaller:
            print(
                f"lopsided: {most!r} has {larger / smaller:.1f} times the examples of {least!r}; "
                f"always saying {most!r} is right in {larger / total:.0%}, so look at macro_f1 too"
            )
        return replace(self, label_names=names)

    def facts(self) -> dict[str, Any]:
        """The classes, and the digest of the file from which dev rows were held out."""
        return {"label_names": list(self.label_names), "train_sha256": self.train_sha256}

    def examples(self, split: str, sources: Sources) -> list[Example]:
        """A split's examples; the dev set may be rows held out of the training file."""
        path = _file(split, sources)
        if split == "test" and path is None:
            raise DataError("no test file: give --test, or a folder with one as --data")
        if path is not None and (split != "train" or _file("dev", sources) is not None):
            return self.read(path)
        path = path or _file("train", sources)
        assert path is not None
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self.train_sha256:
            raise DataError(
                f"{path}: gone or changed since the run was started, so the dev rows that were "
                "held out of it cannot be found again; give --dev"
            )
        examples = self.read(path)
        kinds = [None if self.regression else example.label for example in examples]
        held = held_out(kinds, self.dev_share, self.split_seed)
        if not held:
            raise DataError(f"{path}: too few rows to hold out {self.dev_share:.0%}; give --dev")
        return [e for place, e in enumerate(examples) if (place in held) == (split == "dev")]

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The examples of one file. Raises `DataError` naming file and line."""
        columns = [self.text_column, *([self.pair_column] if self.pair_column else [])]
        wanted = [*columns, self.label_column] if labelled else columns
        examples = []
        for cells, where in read_table(path, wanted):
            for column, cell in zip(wanted, cells, strict=True):
                if not cell.strip():
                    raise DataError(f"{where}: nothing in {column!r}")
            label = self._parse_label(cells[-1].strip(), where) if labelled else None
            examples.append(Example(cells[0], cells[1] if self.about_pairs else None, label))
        if not examples:
            raise DataError(f"{path}: no rows in it")
        return examples

    def _parse_label(self, cell: str, where: str) -> int | float:
        if not self.regression:
            if cell not in self.label_names:
                known = ", ".join(map(repr, self.label_names[:MOST_SHOWN]))
                raise DataError(f"{where}: label {cell!r} is none of the training file's: {known}")
            return self.label_names.index(cell)
        try:
            score = float(cell)
        except ValueError as error:
            raise DataError(f"{where}: {cell!r} in {self.label_column!r} is no number") from error
        if not math.isfinite(score):
            raise DataError(f"{where}: {cell!r} in {self.label_column!r} is no finite number")
        return score


def _file(split: str, sources: Sources) -> Path | None:
    """The file of a split; None where there is none, which "train" may not be."""
    given = sources.file(split)
    if given is not None:
        return given
    if sources.data is None:
        if split == "train":
            raise DataError("texts of your own are needed: give --train, or a folder as --data")
        return None
    if not sources.data.is_dir():
        raise DataError(f"{sources.data}: no such folder")
    there = [path for suffix in SUFFIXES if (path := sources.data / f"{split}{suffix}").is_file()]
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        raise DataError(f"{sources.data}: both {names} are there; give one as --{split}")
    if not there and split == "train":
        raise DataError(f"{sources.data}: no train{', train'.join(SUFFIXES)} there")
    return there[0] if there else None


def _sorted(names: Mapping[str, int]) -> tuple[str, ...]:
    """Class names by alphabet, or by value where all are whole numbers."""
    numbers = all(re.fullmatch(r"-?\d+", name, re.ASCII) for name in names)
    return tuple(sorted(names, key=int if numbers else None))
