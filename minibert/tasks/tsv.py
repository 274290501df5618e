"""Tab-separated files as GLUE uses them: no quoting, maybe a byte order mark, maybe no header.

What people export from their own tables is read by `tables`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from minibert.errors import DataError


class Line(NamedTuple):
    """One row of a file: the chosen columns, and where it stands for error messages."""

    cells: list[str]
    where: str  # "train.tsv, line 7"


def read_tsv(
    path: Path,
    columns: Sequence[str],
    bare: Sequence[str] = (),
    incomplete: list[int] | None = None,
) -> Iterator[Line]:
    """The named columns of every row below the header of `path`.

    bare: the columns of a file that has no header; it has one if its first line names any of
    `columns`. incomplete: rows with too few cells are left out, and their line numbers put here.

    Quotation marks are ordinary characters. Raises `DataError` for a missing, empty or non-UTF-8
    file, a header without one of the columns, and a row with too few or too many cells.
    """
    lines = read_lines(path)
    header, first = lines[0].split("\t"), 2
    if bare and not set(columns) & set(header):
        header, first = list(bare), 1
    places = find_columns(path, header, columns)
    for number, line in enumerate(lines[first - 1 :], first):
        cells = line.split("\t")
        if incomplete is not None and len(cells) < len(header):
            incomplete.append(number)
            continue
        if len(cells) != len(header):
            expected = f"the header has {len(header)}" if first == 2 else f"{len(header)} belong"
            raise DataError(f"{path}, line {number}: {len(cells)} columns where {expected}")
        yield Line([cells[place] for place in places], f"{path}, line {number}")


def find_columns(path: Path, header: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where each of `columns` stands in a header. Raises `DataError` naming those missing."""
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            f"{path}, line 1: no column {', '.join(map(repr, missing))}; "
            f"the header has {', '.join(map(repr, header))}"
        )
    return [header.index(name) for name in columns]


def read_text(path: Path) -> str:
    """A text file, without a byte order mark.

    Raises `DataError` if the file is missing, empty, or not UTF-8 (with the line).
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    text = decode(content, str(path))
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text


def decode(content: bytes, where: str) -> str:
    """UTF-8 to text, without a byte order mark. Raises `DataError` naming the line."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where}, line {number}: byte {content[error.start]:#04x} is not UTF-8; "
            "save the file as UTF-8"
        ) from error


def read_lines(path: Path) -> list[str]:
    """The lines of `read_text`, without their ends; only newlines end a line.

    Blank lines at the end of the file are dropped.
    """
    return [line.removesuffix("\r") for line in read_text(path).rstrip("\r\n").split("\n")]
