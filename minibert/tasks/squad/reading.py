"""SQuAD's questions: from the official JSON, from `datasets`, or from a file of JSON lines."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from minibert.errors import DataError
from minibert.tasks.nodes import Node, load_json, read_json_lines
from minibert.tasks.sources import hub_rows


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


def read_squad(path: Path, version: str | None = None, labelled: bool = True) -> list[Question]:
    """The questions of a file in the official form of `version` "1.1" or "2.0", or as it says.

    labelled: whether the answers are wanted; else they need not be there, and are not looked at.
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
                if not labelled:
                    _add(questions, entry, _asked(entry, context))
                    continue
                answers = [
                    _answer(answer.field("text"), answer.field("answer_start"))
                    for answer in entry.field("answers").elements()
                ]
                _add(questions, entry, _answered(entry, context, answers, version))
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
        _add(questions, entry, _answered(entry, entry.field("context"), answers, version))
    return list(questions.values())


def read_squad_lines(path: Path) -> list[Question]:
    """Questions to be answered, one JSON object a line: question, context and, if given, id.

    Without an id it is the line's number. Raises `DataError` naming the line.
    """
    questions: dict[str, Question] = {}
    for number, entry in read_json_lines(path):
        id = entry.field("id").filled_text() if entry.has("id") else str(number)
        question, context = entry.field("question"), entry.field("context")
        made = Question(id, question.filled_text(), context.filled_text(), (), False)
        _add(questions, entry, made)
    return list(questions.values())


def _answer(text: Node, start: Node) -> Answer:
    return Answer(text.filled_text(), start.whole_number())


def _asked(entry: Node, context: Node) -> Question:
    """The question by itself."""
    id, question = entry.field("id").filled_text(), entry.field("question").text()
    return Question(id, question, context.filled_text(), (), False)


def _answered(entry: Node, context: Node, answers: list[Answer], version: str) -> Question:
    """The question with its answers, or with none if it has none."""
    if entry.has("is_impossible"):
        impossible = entry.field("is_impossible").truth()
        if impossible != (not answers):
            told = "true, and yet there are answers" if impossible else "false, and yet no answers"
            raise entry.field("is_impossible").fault(told)
    if not answers and version == "1.1":
        raise entry.field("answers").fault(
            "empty; every question of version 1.1 has an answer. Is this a file of version 2.0?"
        )
    return _asked(entry, context)._replace(answers=tuple(answers), known=True)


def _add(questions: dict[str, Question], entry: Node, question: Question) -> None:
    if question.id in questions:
        raise entry.fault(f"another question before has the id {question.id!r} too")
    questions[question.id] = question
