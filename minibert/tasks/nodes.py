"""JSON, read so that every complaint says where: file, line or row, and the path to the value."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from minibert.errors import DataError
from minibert.tasks.tsv import read_text


class Node(NamedTuple):
    """A value somewhere in a file, which knows where: every complaint says so."""

    value: Any
    file: str  # and line or row, if it has such
    path: str = ""  # the fields and elements that lead to the value

    def fault(self, complaint: str) -> DataError:
        """The error that says what is wrong with this value."""
        return DataError(": ".join(part for part in (self.file, self.path, complaint) if part))

    def has(self, name: str) -> bool:
        """Whether it is an object with such a field."""
        return isinstance(self.value, Mapping) and name in self.value

    def field(self, name: str) -> "Node":
        """A field of an object."""
        if not isinstance(self.value, Mapping):
            raise self.fault(f"must be an object, not {_kind(self.value)}")
        path = f"{self.path}.{name}" if self.path else name
        if name not in self.value:
            raise Node(None, self.file, path).fault("missing")
        return Node(self.value[name], self.file, path)

    def elements(self) -> list["Node"]:
        """The elements of a list."""
        if not isinstance(self.value, list):
            raise self.fault(f"must be a list, not {_kind(self.value)}")
        return [Node(value, self.file, f"{self.path}[{i}]") for i, value in enumerate(self.value)]

    def text(self) -> str:
        """A text, maybe empty."""
        if not isinstance(self.value, str):
            raise self.fault(f"must be a text, not {_kind(self.value)}")
        try:
            self.value.encode()
        except UnicodeEncodeError as error:
            raise self.fault(f"half a character (a lone surrogate) at {error.start}") from error
        return self.value

    def filled_text(self) -> str:
        """A text with something in it."""
        if not self.text().strip():
            raise self.fault("empty")
        return self.text()

    def whole_number(self) -> int:
        """A whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.fault(f"must be a whole number, not {_kind(self.value)}")
        return self.value

    def number(self) -> float:
        """A number that is neither infinite nor NaN."""
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        try:
            value = float(self.value) if number else math.nan
        except OverflowError as error:
            raise self.fault("a number of too many digits") from error
        if not math.isfinite(value):
            raise self.fault(f"must be a number, not {_kind(self.value)}")
        return value

    def truth(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.fault(f"must be true or false, not {_kind(self.value)}")
        return self.value


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", type(None): "null"}
    return kinds.get(type(value), repr(value))


def load_json(path: Path) -> Any:
    """What a JSON file holds. Raises `DataError` if it cannot be read, or names a field twice."""
    return _parsed(read_text(path), str(path))


def read_json_lines(path: Path) -> Iterator[tuple[int, Node]]:
    """The number and the value of every line that is not blank. Raises `DataError` naming it."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            where = f"{path}, line {number}"
            yield number, Node(_parsed(line, where), where)


def _parsed(text: str, where: str) -> Any:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{where}: an object names {twice!r} twice")
        return made

    def whole_number_of(digits: str) -> int:
        try:
            return int(digits)
        except ValueError as error:  # Python has a limit
            raise DataError(f"{where}: a number of {len(digits)} digits") from error

    try:
        return json.loads(text, object_pairs_hook=object_of, parse_int=whole_number_of)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{where}: no JSON at {place} ({error.msg})") from error
    except RecursionError as error:
        raise DataError(f"{where}: lists or objects nested too deeply") from error
