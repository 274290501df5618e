"""Tab-separated files as GLUE uses them: no quoting, maybe a byte order mark, maybe no header."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from minibert.errors import DataError


class Line(NamedTuple):
    """One row of a file: the chosen columns, and where it stands for error messages."""

    cells: list[str]
    where: str  # "train.tsv, line 7"


def read_tsv(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """The named columns of every row below the header of `path`.

    Quotation marks are ordinary characters. Raises `DataError` for a missing, empty or non-UTF-8
    file, a header without one of the columns, and a row with too few or too many cells.
    """
    lines = read_lines(path)
    header = lines[0].split("\t")
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            f"{path}, line 1: no column {', '.join(map(repr, missing))}; "
            f"the header has {', '.join(map(repr, header))}"
        )
    places = [header.index(name) for name in columns]
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(cells)} columns where the header has {len(header)}"
            )
        yield Line([cells[place] for place in places], f"{path}, line {number}")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends; only newlines end a line.

    Blank lines at the end of the file are dropped.

    Raises `DataError` if the file is missing, empty, or not UTF-8 (with the line).
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {number}: byte {content[error.start]:#04x} is not UTF-8; "
            "save the file as UTF-8"
        ) from error
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
