"""Tables as people export them: CSV and TSV with quotes, JSONL, Parquet."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from minibert.errors import DataError
from minibert.tasks.tsv import Line, find_columns, read_lines, read_text

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_table(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """The named columns of every row of `path`, whose suffix says how it is written.

    Numbers and truth values of JSONL and Parquet become text, null becomes "". Raises `DataError`
    naming the file, and the line where there is one.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: the name must end in {', '.join(SUFFIXES)}, to say what it holds")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet}
    return readers.get(path.suffix, _read_csv)(path, columns)


def _read_csv(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """Rows of CSV or TSV; a quoted cell may hold anything, line ends too."""
    text = read_text(path).rstrip("\r\n")
    # Where a comma is the decimal sign, spreadsheets separate cells by semicolons.
    separator = "\t" if path.suffix == ".tsv" else max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        header = next(rows)
        places = find_columns(path, header, columns)
        number = rows.line_num + 1  # where the next row begins; it may end on a later line
        for cells in rows:
            if len(cells) != len(header):
                raise DataError(
                    f"{path}, line {number}: {len(cells)} columns where the header has "
                    f"{len(header)}; a text with {separator!r} in it needs quotes around it"
                )
            yield Line([cells[place] for place in places], f"{path}, line {number}")
            number = rows.line_num + 1
    except csv.Error as error:
        raise DataError(
            f'{path}, line {number}: {error}; inside quotes a quotation mark is written twice: ""'
        ) from error


def _read_jsonl(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """One JSON object a line."""
    for number, line in enumerate(read_lines(path), 1):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(f"{where}: no JSON object, but {line[:20]!r}")
        missing = [name for name in columns if name not in row]
        if missing:
            names = ", ".join(map(repr, missing))
            raise DataError(f"{where}: no {names}; there is {', '.join(map(repr, row))}")
        yield Line([_cell(row[name], name, where) for name in columns], where)


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """Rows of a Parquet file, as `datasets` and pandas write it."""
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
        find_columns(path, file.schema_arrow.names, columns)
        number = 0
        for batch in file.iter_batches(columns=list(columns)):
            for row in batch.to_pylist():
                number += 1
                where = f"{path}, row {number}"
                yield Line([_cell(row[name], name, where) for name in columns], where)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from error


def _cell(value: object, column: str, where: str) -> str:
    """A value as CSV would hold it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise DataError(f"{where}: {column!r} holds {type(value).__name__}, not text or a number")
