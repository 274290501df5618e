"""Where the answers fail: a row for every question, groups of them, and the worst in full."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from minibert.checkpoint.disk import write_atomically, write_json
from minibert.errors import ConfigError
from minibert.tasks.characters import harmless
from minibert.tasks.reports.page import CURVES, page, table
from minibert.tasks.squad.reading import Question, read_squad
from minibert.tasks.squad.scoring import (
    Score,
    metrics,
    read_null_odds,
    read_predictions,
    score_all,
)

QUESTION_WORD = re.compile(
    r"\b(how (?:many|much)|how|what|when|where|which|who|whom|whose|why)\b", re.IGNORECASE
)
WORST = 20
LENGTHS = (1, 2, 3, 5, 10)  # the longest answers, in words, of each group but the last


@dataclass(frozen=True)
class Group:
    """Questions of one kind; exact and f1 0 to 100."""

    name: str
    questions: int
    exact: float
    f1: float


def question_word(score: Score) -> str:
    """The first question word of the question, "who" for whom and whose too; else "other"."""
    found = QUESTION_WORD.search(score.question.question)
    word = found.group().lower() if found else "other"
    return "who" if word.startswith("who") else word


def answer_length(score: Score) -> str:
    """How many words the right answer has, such as "4 to 5 words"; "no answer" if there is none."""
    words = len(score.gold.split())
    if not score.question.answers:
        return "no answer"
    low = 1
    for high in LENGTHS:
        if words <= high:
            counted = f"{low} to {high}" if low < high else f"{high}"
            return f"{counted} word{'s' * (high > 1)}"
        low = high + 1
    return f"{low} words or more"


def grouped(scores: Sequence[Score], kind: Callable[[Score], str]) -> list[Group]:
    """The scores by `question_word` or `answer_length`, the largest group first."""
    members: dict[str, list[Score]] = {}
    for score in scores:
        members.setdefault(kind(score), []).append(score)
    groups = [
        Group(
            name,
            len(some),
            100 * float(np.mean([one.exact for one in some])),
            100 * float(np.mean([one.f1 for one in some])),
        )
        for name, some in members.items()
    ]
    return sorted(groups, key=lambda group: (-group.questions, group.name))


def worst(
    scores: Sequence[Score], most: int, probabilities: Mapping[str, float] | None = None
) -> list[Score]:
    """The answers with the lowest F1, at most so many, none of them right.

    Of equally bad ones first those that were given with the highest probability.
    """
    sure = probabilities or {}
    wrong = [score for score in scores if score.exact == 0]
    return sorted(wrong, key=lambda one: (one.f1, -sure.get(one.question.id, 0.0)))[:most]


def marked(score: Score, width: int = 100) -> str:
    """A question, its passage with the right answer in ⟦ ⟧ and the given one in « », and both."""
    question = score.question
    gold = next(
        (a.start for a in question.answers if a.text == score.gold and a.fits(question.context)),
        None,
    )
    given = _nearest(question, score.prediction, gold)
    spans = ((given, score.prediction, "«", "»"), (gold, score.gold, "⟦", "⟧"))
    marks: list[tuple[int, int, int, int, str]] = []  # where and, at one place, in which order
    for rank, (start, text, opening, closing) in enumerate(spans):
        if start is not None:
            end = start + len(text)
            marks += [(start, 1, -end, rank, opening), (end, 0, -start, -rank, closing)]
    passage = question.context
    for place, *_, mark in sorted(marks, reverse=True):
        passage = passage[:place] + mark + passage[place:]
    said = f"« {score.prediction} »" if score.prediction else "no answer"
    if score.prediction and given is None:
        said += ", which is not in the passage"
    right = f"⟦ {score.gold} ⟧" if score.gold else "no answer"
    if score.gold and gold is None:
        right += ", which does not stand where answer_start says"
    lines = [
        f"{question.id}  F1 {100 * score.f1:.1f}",
        f"question  {question.question}",
        f"right     {right}",
        f"given     {said}",
        *(line for part in passage.splitlines() for line in textwrap.wrap(part, width)),
    ]
    return "\n".join(map(harmless, lines))


def _nearest(question: Question, text: str, place: int | None) -> int | None:
    """Where `text` stands in the context, nearest to `place`; None if nowhere."""
    found = [match.start() for match in re.finditer(f"(?={re.escape(text)})", question.context)]
    return min(found, key=lambda start: abs(start - (place or 0)), default=None) if text else None


@dataclass(frozen=True)
class Report:
    """The answers as a whole, and by kind of question; exact and F1 0 to 100."""

    questions: int
    exact: float
    f1: float
    by_question_word: list[Group]
    by_answer_length: list[Group]
    mistakes: int

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Self:
        """All figures about these answers."""
        (whole,) = grouped(scores, lambda _: "all questions")
        kinds = grouped(scores, question_word), grouped(scores, answer_length)
        mistakes = sum(score.exact == 0 for score in scores)
        return cls(whole.questions, whole.exact, whole.f1, *kinds, mistakes)

    def __str__(self) -> str:
        lines = [f"{'':20}{'questions':>10}{'exact':>8}{'F1':>8}"]
        for groups in (self.by_question_word, self.by_answer_length):
            lines += [f"{g.name:20}{g.questions:10,}{g.exact:8.1f}{g.f1:8.1f}" for g in groups]
            lines.append("")
        return "\n".join(lines[:-1])


def write_report(
    folder: Path,
    title: str,
    scores: Sequence[Score],
    probabilities: Mapping[str, float],
    warnings: Sequence[str] = (),
) -> Report:
    """Write report.json, report.md and questions.tsv into `folder`; returns what they hold.

    probabilities: by question id, how sure the model is of its answer.
    """
    report = Report.of(scores)
    write_rows(folder / "questions.tsv", scores)
    write_json(folder / "report.json", asdict(report))
    write_atomically(
        folder / "report.md", _page(title, report, worst(scores, WORST, probabilities), warnings)
    )
    return report


def _page(title: str, report: Report, mistakes: Sequence[Score], warnings: Sequence[str]) -> str:
    def figures(kind: str, groups: Sequence[Group]) -> str:
        rows = [(g.name, g.questions, f"{g.exact:.1f}", f"{g.f1:.1f}") for g in groups]
        return table((kind, "questions", "exact", "F1"), rows)

    shown = "all of them" if report.mistakes <= len(mistakes) else "the worst"
    return page(
        title,
        warnings,
        f"{report.questions:,} questions of the dev set: exact match **{report.exact:.2f}**, "
        f"F1 **{report.f1:.2f}**.",
        CURVES,
        "## By question word",
        figures("question", report.by_question_word),
        "## By length of the right answer",
        figures("answer", report.by_answer_length),
        "## Most wrong",
        f"{report.mistakes:,} answers are no exact match; here are {shown}, lowest F1 and most "
        "certain first. The right answer stands in ⟦ ⟧, the given one in « »; "
        "questions.tsv has a row for every question."
        if mistakes
        else "Not one of them is wrong.",
        *(f"~~~~\n{marked(score)}\n~~~~" for score in mistakes),
    )


def score_files(
    dataset: Path,
    predictions: Path,
    null_odds: Path | None = None,
    most: int = 0,
    rows: Path | None = None,
) -> str:
    """How good the answers of a file are, as text: the figures, by kind of question, the worst.

    null_odds: a file of them, to find the best threshold; most: how many of the worst to show;
    rows: where to write a row for every question. Raises `DataError` naming file and place,
    `ConfigError` if `most` is negative.
    """
    if most < 0:
        raise ConfigError(f"worst must be at least 0, not {most}")
    scores = score_all(read_squad(dataset), read_predictions(predictions))
    odds = None if null_odds is None else read_null_odds(null_odds)
    if rows is not None:
        write_rows(rows, scores)
    figures = [f"{name:20}{value:18.4f}" for name, value in metrics(scores, odds).items()]
    shown = (marked(one) for one in worst(scores, most))
    return "\n\n".join(["\n".join(figures), str(Report.of(scores)), *shown])


def write_rows(path: Path, scores: Sequence[Score]) -> None:
    """A TSV with a row for every question: id, scores, kinds, right and given answer, question."""
    rows = [["id", "exact", "f1", "question_word", "answer_length", "right", "given", "question"]]
    for score in scores:
        kinds = question_word(score), answer_length(score)
        texts = (score.question.id, score.gold, score.prediction, score.question.question)
        id, *cells = (re.sub(r"[\t\r\n]", " ", text) for text in texts)
        rows.append([id, f"{score.exact:.0f}", f"{score.f1:.4f}", *kinds, *cells])
    write_atomically(path, "".join("\t".join(row) + "\n" for row in rows))
