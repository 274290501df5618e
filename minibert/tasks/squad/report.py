"""Where the answers fail: a row for every question, groups of them, and the worst in full."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minibert.checkpoint.disk import write_atomically
from minibert.tasks.squad.reading import Question
from minibert.tasks.squad.scoring import Score

QUESTION_WORD = re.compile(
    r"\b(how (?:many|much)|how|what|when|where|which|who|whom|whose|why)\b", re.IGNORECASE
)
LENGTHS = (1, 2, 3, 5, 10)  # the longest answers, in words, of each group but the last


class Group(NamedTuple):
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
    gold = next((a.start for a in question.answers if a.text == score.gold), None)
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
    lines = [
        f"{question.id}  F1 {100 * score.f1:.1f}",
        f"question  {question.question}",
        f"right     {f'⟦ {score.gold} ⟧' if score.gold else 'no answer'}",
        f"given     {said}",
        *(line for part in passage.splitlines() for line in textwrap.wrap(part, width)),
    ]
    return "\n".join(lines)


def _nearest(question: Question, text: str, place: int | None) -> int | None:
    """Where `text` stands in the context, nearest to `place`; None if nowhere."""
    found = [match.start() for match in re.finditer(f"(?={re.escape(text)})", question.context)]
    return min(found, key=lambda start: abs(start - (place or 0)), default=None) if text else None


def summary(scores: Sequence[Score]) -> str:
    """Both groupings as a table."""
    lines = [f"{'':20}{'questions':>10}{'exact':>8}{'F1':>8}"]
    for kind in (question_word, answer_length):
        lines += [
            f"{g.name:20}{g.questions:10}{g.exact:8.1f}{g.f1:8.1f}" for g in grouped(scores, kind)
        ]
        lines.append("")
    return "\n".join(lines[:-1])


def write_report(path: Path, scores: Sequence[Score]) -> None:
    """A TSV with a row for every question: id, scores, kinds, right and given answer, question."""
    rows = [["id", "exact", "f1", "question_word", "answer_length", "right", "given", "question"]]
    for score in scores:
        kinds = question_word(score), answer_length(score)
        texts = (score.gold, score.prediction, score.question.question)
        cells = (re.sub(r"[\t\r\n]", " ", text) for text in texts)
        row = [score.question.id, f"{score.exact:.0f}", f"{score.f1:.4f}", *kinds, *cells]
        rows.append(row)
    write_atomically(path, "".join("\t".join(row) + "\n" for row in rows))
