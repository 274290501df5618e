"""SQuAD's questions: from the official JSON, from `datasets`, or from a file of JSON lines."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from minibert.errors import DataError
from minibert.tasks.sources import hub_rows
from minibert.tasks.tsv import read_lines, read_text


class Answer(NamedTuple):
    """A right answer: words of the context, and where they begin."""

    text: str
    start: int  # characters from the beginning of the context

    def fits(self, context: str) -> bool:
        """Whether the context has these words there."""
        return self.start >= 0 and context.startswith(self.text, self.start)


class Question(NamedTuple):
    """A question about a context; without answers it is one that the context does not answer."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]
    known: bool = True  # False: what answers it is not known, and `answers` is empty


def read_squad(path: Path, version: str | None = None) -> list[Question]:
    """The questions of a file in the official form of `version` "1.1" or "2.0", or as it says.

    Raises `DataError` with the path to the fault, such as data[3].paragraphs[1].qas[0].answers. An
    answer that does not stand where `answer_start` says is no error: real files hold some. They are
    kept, and `Windows` reports them.
    """
    top = Node(load_json(path), str(path))
    if version is None:
        version = "1.1" if top.has("version") and top.value["version"] == "1.1" else "2.0"
    questions: dict[str, Question] = {}
    for article in top.field("data").elements():
        for paragraph in article.field("paragraphs").elements():
            context = paragraph.field("context")
            for entry in paragraph.field("qas").elements():
                answers = [
                    _answer(answer.field("text"), answer.field("answer_start"))
                    for answer in entry.field("answers").elements()
                ]
                _add(questions, entry, _question(entry, context, answers, version))
    if not questions:
        raise DataError(f"{path}: no question in it")
    return list(questions.values())


def read_squad_hub(version: str, split: str) -> list[Question]:
    """The questions of `split` "train" or "dev", from the hub through `datasets` and its cache."""
    name = {"1.1": "rajpurkar/squad", "2.0": "rajpurkar/squad_v2"}[version]
    part = {"train": "train", "dev": "validation"}[split]
    files = f"train-v{version}.json and dev-v{version}.json"
    instead = f"give --data with {files}, or --train and --dev"
    return questions_from_rows(hub_rows(f"SQuAD {version}", name, None, part, instead), version)


def question_with_id(questions: Iterable[Question], id: str) -> Question:
    """The question with this id. Raises `DataError` if there is none."""
    for question in questions:
        if question.id == id:
            return question
    raise DataError(f"no question has the id {id!r}")


def questions_from_rows(rows: Iterable[Mapping[str, Any]], version: str) -> list[Question]:
    """The questions of `datasets`' rows, whose answers are a list of texts and one of starts."""
    questions: dict[str, Question] = {}
    for number, row in enumerate(rows):
        entry = Node(row, f"row {number}")
        given = entry.field("answers")
        texts, starts = (given.field(name).elements() for name in ("text", "answer_start"))
        if len(texts) != len(starts):
            raise given.fault(f"{len(texts)} texts, but {len(starts)} starts")
        answers = [_answer(text, start) for text, start in zip(texts, starts, strict=True)]
        _add(questions, entry, _question(entry, entry.field("context"), answers, version))
    return list(questions.values())


def read_squad_lines(path: Path) -> list[Question]:
    """Questions to be answered, one JSON object a line: question, context and, if given, id.

    Without an id it is the line's number. Raises `DataError` naming the line.
    """
    questions: dict[str, Question] = {}
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            where = f"{path}, line {number}"
            entry = Node(_parsed(line, where), where)
            id = entry.field("id").filled_text() if entry.has("id") else str(number)
            question, context = entry.field("question"), entry.field("context")
            made = Question(id, question.filled_text(), context.filled_text(), (), False)
            _add(questions, entry, made)
    return list(questions.values())


def _answer(text: "Node", start: "Node") -> Answer:
    return Answer(text.filled_text(), start.whole_number())


def _question(entry: "Node", context: "Node", answers: list[Answer], version: str) -> Question:
    impossible = not answers
    if entry.has("is_impossible"):
        impossible = entry.field("is_impossible").truth()
    elif impossible and version == "1.1":
        raise entry.field("answers").fault(
            "empty; every question of version 1.1 has an answer. Is this a file of version 2.0?"
        )
    if impossible != (not answers):
        told = "true, and yet there are answers" if impossible else "false, and yet no answers"
        raise entry.field("is_impossible").fault(told)
    id, question = entry.field("id").filled_text(), entry.field("question").text()
    return Question(id, question, context.filled_text(), tuple(answers))


def _add(questions: dict[str, Question], entry: "Node", question: Question) -> None:
    if question.id in questions:
        raise entry.fault(f"another question before has the id {question.id!r} too")
    questions[question.id] = question


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
        if not number or not math.isfinite(self.value):
            raise self.fault(f"must be a number, not {_kind(self.value)}")
        return float(self.value)

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


def _parsed(text: str, where: str) -> Any:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{where}: an object names {twice!r} twice")
        return made

    try:
        return json.loads(text, object_pairs_hook=object_of)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{where}: no JSON at {place} ({error.msg})") from error
    except RecursionError as error:
        raise DataError(f"{where}: lists or objects nested too deeply") from error
