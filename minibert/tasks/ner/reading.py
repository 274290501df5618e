"""Tagged sentences: from CoNLL's columns, from JSON lines, or from `datasets`.

In columns, a line holds a word and its tags, a blank line ends a sentence, and a line that begins
with -DOCSTART- begins a document. In JSON lines and rows, a sentence is an object with a list of
words and one of tags, and may name its document.

Source: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 shared task".
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minibert.errors import DataError
from minibert.tasks.nodes import Node, read_json_lines
from minibert.tasks.sources import Sources, hub_rows
from minibert.tasks.tsv import read_lines

DOCUMENT = "-DOCSTART-"
WORDS, TAGS = ("words", "tokens"), ("tags", "ner_tags")  # fields, where none is named
DOCUMENTS = ("document", "document_id")
HUB_NAME = "lhoestq/conll2003"
# The names under which a folder may hold each split
FILES = {
    "train": ("train.txt", "train.conll", "train.jsonl", "eng.train"),
    "dev": ("dev.txt", "dev.conll", "dev.jsonl", "valid.txt", "eng.testa"),
    "test": ("test.txt", "test.conll", "test.jsonl", "eng.testb"),
}


class Sentence(NamedTuple):
    """Words that belong together, with a tag for each."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None  # as they stand in the file; None where not known
    document: int = 0  # counted from 0 in each file; sentences of a document follow each other
    file: str = ""
    lines: Sequence[int] = ()  # where the words stand: a line for each, or one for all

    def place(self, word: int) -> str:
        """Where a word stands, for messages."""
        if len(self.lines) == len(self.words):
            return f"{self.file}, line {self.lines[word]}"
        return f"{self.file}, line {self.lines[0]}, word {word + 1}"


class Columns(NamedTuple):
    """Where words and tags stand: numbers of columns, from 1, or names of fields.

    None: the first column and the last; the first of `WORDS` and `TAGS` that is there.
    """

    words: str | None = None
    tags: str | None = None


USUAL = Columns()


def read_split(split: str, sources: Sources, columns: Columns = USUAL) -> list[Sentence]:
    """The sentences of "train", "dev" or "test"; CoNLL-2003's from the hub if nothing is given."""
    path = sources.file(split)
    if path is None and sources.data is not None:
        path = find_file(split, sources.data)
    return read_hub(split, columns) if path is None else read_sentences(path, columns)


def find_file(split: str, folder: Path) -> Path:
    """The file of a split, under one of the names in `FILES`. Raises `DataError`."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    there = [path for name in FILES[split] if (path := folder / name).is_file()]
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        raise DataError(f"{folder}: both {names} are there; give one as --{split}")
    if not there:
        raise DataError(f"{folder}: none of {', '.join(FILES[split])} is there; give --{split}")
    return there[0]


def read_sentences(path: Path, columns: Columns = USUAL, labelled: bool = True) -> list[Sentence]:
    """The sentences of a file: JSON lines if its name ends in .jsonl, else columns.

    Unless `labelled` the tags are not asked for. Raises `DataError` naming file and line.
    """
    if path.suffix == ".jsonl":
        return _sentences(read_json_lines(path), str(path), columns, labelled)
    if path.suffix in (".json", ".csv", ".parquet"):
        raise DataError(f"{path}: tagged words are read from columns or from .jsonl")
    return _read_columns(path, columns, labelled)


def read_hub(split: str, columns: Columns = USUAL) -> list[Sentence]:
    """The sentences of a split of CoNLL-2003, from the hub through `datasets` and its cache.

    Its rows do not tell where documents begin: each sentence is a document of its own.
    """
    instead = "give --data with eng.train and eng.testa, or --train and --dev"
    theirs = {"dev": "validation"}.get(split, split)
    rows = hub_rows("CoNLL-2003", HUB_NAME, None, theirs, instead)
    sentences = sentences_from_rows(rows, columns, f"{HUB_NAME}, {theirs}")
    return [sentence._replace(document=row) for row, sentence in enumerate(sentences)]


def sentences_from_rows(rows: Any, columns: Columns = USUAL, name: str = "rows") -> list[Sentence]:
    """The sentences of a `datasets.Dataset`, whose tags are texts or numbers of named classes."""
    nodes = ((number, Node(row, f"{name}, row {number}")) for number, row in enumerate(rows))
    field = columns.tags or next((field for field in TAGS if field in rows.features), None)
    classes = getattr(getattr(rows.features.get(field), "feature", None), "names", None)
    return _sentences(nodes, name, columns, True, classes)


def _read_columns(path: Path, columns: Columns, labelled: bool) -> list[Sentence]:
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    width = 0  # columns of every line
    document = 0

    def end_sentence(line: int) -> None:
        """Keep the words that stand in the lines before this one."""
        if words:
            lines = range(line - len(words), line)
            known = tuple(tags) if labelled else None
            sentences.append(Sentence(tuple(words), known, document, str(path), lines))
            words.clear()
            tags.clear()

    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        if not cells or cells[0] == DOCUMENT:
            end_sentence(number)
            if cells and sentences:
                document = sentences[-1].document + 1
            continue
        if not width:
            width, first = len(cells), number
            word_place, tag_place = _places(cells, columns, labelled, f"{path}, line {number}")
        if len(cells) != width:
            raise DataError(
                f"{path}, line {number}: {len(cells)} columns where line {first} has {width}"
            )
        words.append(cells[word_place])
        tags.append(cells[tag_place])
    end_sentence(len(lines) + 1)
    if not sentences:
        raise DataError(f"{path}: no sentence in it")
    return sentences


def _cells(line: str) -> list[str]:
    """What stands between blanks, or between tabs if there are any; no other space divides."""
    divider = "\t+" if "\t" in line else " +"
    return [cell.strip(" ") for cell in re.split(divider, line.strip(" \t")) if cell.strip(" ")]


def _places(cells: Sequence[str], columns: Columns, labelled: bool, where: str) -> tuple[int, int]:
    """Of words and of tags in a line, counted from 0. Raises `DataError`."""

    def place(column: str | None, usual: int) -> int:
        if column is None:
            return usual
        if not re.fullmatch("[1-9][0-9]*", column, re.ASCII):
            raise DataError(f"{where}: columns have numbers from 1, not names such as {column!r}")
        if int(column) > len(cells):
            raise DataError(f"{where}: no column {column}, for there are {len(cells)}")
        return int(column) - 1

    words, last = place(columns.words, 0), len(cells) - 1
    if not labelled:
        return words, last
    if not last:
        raise DataError(f"{where}: only one column: words without tags")
    tags = place(columns.tags, last)
    if words == tags:
        raise DataError(f"{where}: column {words + 1} cannot hold both the words and their tags")
    return words, tags


def _sentences(
    nodes: Iterable[tuple[int, Node]],
    file: str,
    columns: Columns,
    labelled: bool,
    classes: Sequence[str] | None = None,
) -> list[Sentence]:
    """The sentences of objects and the lines they stand on; classes: the names of numbered tags."""
    sentences: list[Sentence] = []
    document, before = 0, None
    for line, node in nodes:
        given = _field(node, columns.words, WORDS)
        words = tuple(word.filled_text() for word in given.elements())
        if not words:
            raise given.fault("empty")
        tags = None
        if labelled:
            given = _field(node, columns.tags, TAGS)
            tags = tuple(_tag(tag, classes) for tag in given.elements())
            if len(tags) != len(words):
                raise given.fault(f"{len(tags)} tags for {len(words)} words")
        named = next((node.field(name).value for name in DOCUMENTS if node.has(name)), None)
        document += bool(sentences) and named != before
        before = named
        sentences.append(Sentence(words, tags, document, file, (line,)))
    return sentences


def _field(node: Node, name: str | None, usual: Sequence[str]) -> Node:
    """The field of this name, else the first of the usual ones that is there."""
    return node.field(name or next((name for name in usual if node.has(name)), usual[0]))


def _tag(node: Node, classes: Sequence[str] | None) -> str:
    if classes is None:
        return node.filled_text()
    number = node.whole_number()
    if not 0 <= number < len(classes):
        raise node.fault(f"{number}, but the classes have the numbers 0 to {len(classes) - 1}")
    return classes[number]
