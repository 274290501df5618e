"""Where a task's examples come from, and which of them are taken."""

import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from minibert.errors import DataError

T = TypeVar("T")


class Sources(NamedTuple):
    """The files that were given; where none were, the data comes from the hub."""

    data: Path | None = None  # a folder: the benchmark's, or the task's own
    train: Path | None = None  # single files, instead of a folder
    dev: Path | None = None
    test: Path | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The sources that a run's settings.json names."""
        return cls(*(Path(settings[name]) if settings.get(name) else None for name in cls._fields))

    def file(self, split: str) -> Path | None:
        """The single file given for "train", "dev" or "test"; None for any other split."""
        given = {"train": self.train, "dev": self.dev, "test": self.test}
        return given.get(split)


def limited(examples: list[T], limit: int | None) -> list[T]:
    """At most `limit` examples: always the same random ones, in the order of the file."""
    if limit is None or limit >= len(examples):
        return examples
    kept = sorted(random.Random(0).sample(range(len(examples)), limit))
    return [examples[place] for place in kept]


def held_out(kinds: Iterable[Hashable], share: float, seed: int) -> set[int]:
    """Places of the examples to hold out as dev set: this share of every kind, drawn by `seed`.

    Depends on nothing but the arguments, so a run finds its dev set again.
    """
    generator = random.Random(seed)
    groups: dict[Hashable, list[tuple[float, int]]] = defaultdict(list)
    for place, kind in enumerate(kinds):
        # `random` alone is promised to give the same numbers in every version of Python.
        groups[kind].append((generator.random(), place))
    held = (sorted(drawn)[: round(share * len(drawn))] for drawn in groups.values())
    return {place for group in held for _, place in group}


def hub_rows(name: str, data_set: str, configuration: str | None, split: str, instead: str) -> Any:
    """One split of a data set on the hub, through `datasets` and its cache.

    Raises `DataError` saying `instead`, what else to give, where it cannot be had.
    """
    from datasets import load_dataset

    try:
        return load_dataset(data_set, configuration, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{name} cannot be had from the hub ({reason}); {instead}") from error


def first_folder(data: Path, names: Sequence[str]) -> Path:
    """The first of these folders that is in `data`; `data` itself if none is."""
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    return next((data / name for name in names if (data / name).is_dir()), data)
