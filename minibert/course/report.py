"""Grades as people and programs read them: text, HTML, JSON, CSV, and Gradescope's results.json."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

from minibert.course.comparison import Failure
from minibert.course.grader import Grade, Mark
from minibert.course.syllabus import Chapter
from minibert.errors import MinibertError

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; }
tr { border-bottom: 1px solid #ccc; } td.number { text-align: right; }
.pass { color: #00624c; } .fail { color: #a03800; font-weight: bold; }
pre { background: #f4f4f4; color: #222; padding: .6rem; overflow-x: auto; }
"""


@dataclass(frozen=True)
class Report:
    """The grades of one chapter; `str(report)` is for the terminal."""

    chapter: Chapter
    grades: tuple[Grade, ...]
    seconds: float  # that grading took

    @property
    def passed(self) -> bool:
        """Whether everybody has everything right."""
        return all(grade.passed for grade in self.grades)

    def __str__(self) -> str:
        return self._one() if len(self.grades) == 1 else self._class()

    def _one(self) -> str:
        (grade,) = self.grades
        width = max(len(mark.exercise.name) for mark in grade.marks)
        lines = [f"chapter {self.chapter.number}, {self.chapter.title}: {grade.learner}"]
        if grade.failure:
            lines.append(f"  the file as a whole fails: {grade.failure.message}")
            lines += [f"      {line}" for line in grade.failure.details]
        for mark in grade.marks:
            verdict = "FAIL" if mark.failure else "pass"
            kind = mark.failure.kind if mark.failure else ""
            points = f"{mark.points}/{mark.exercise.points}"
            line = f"  {mark.exercise.name:{width}}  {verdict}  {points:>5}  {kind}"
            lines.append(line.rstrip())
            if mark.failure != grade.failure:
                lines += [f"      {line}" for line in explanation(mark)]
        lines.append(f"{grade.points} of {grade.possible} points")
        if not grade.passed:
            lines.append(f"For a hint: minibert check {self.chapter.number} --hint NAME")
        return "\n".join(lines)

    def _class(self) -> str:
        names = [mark.exercise.name for mark in self.grades[0].marks]
        rows = [["learner", *names, "points"]]
        for grade in self.grades:
            cells = [mark.failure.kind if mark.failure else "pass" for mark in grade.marks]
            rows.append([grade.learner, *cells, f"{grade.points}/{grade.possible}"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        full = sum(grade.passed for grade in self.grades)
        lines.append("")
        for name, causes in self.causes().items():
            often = ", ".join(f"{cause} {count}" for cause, count in causes.most_common(5))
            lines.append(f"{name}: {often}")
        lines.append(
            f"{len(self.grades)} files, {full} with every exercise right; "
            f"graded in {self.seconds / 60:.1f} minutes"
        )
        return "\n".join(lines)

    def causes(self) -> dict[str, Counter[str]]:
        """How often each known mistake was found, for every exercise; a tie counts as one."""
        found: dict[str, Counter[str]] = {}
        for grade in self.grades:
            for mark in grade.marks:
                if mark.diagnosis.causes:
                    tie = " or ".join(cause.name for cause in mark.diagnosis.causes)
                    found.setdefault(mark.exercise.name, Counter())[tie] += 1
        return found

    def as_json(self) -> dict[str, Any]:
        """{chapter, title, passed, seconds, learners: [{learner, ..., exercises: [...]}]}."""
        return {
            "chapter": self.chapter.number,
            "title": self.chapter.title,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "learners": [
                {
                    "learner": grade.learner,
                    "passed": grade.passed,
                    "points": grade.points,
                    "possible": grade.possible,
                    "exercises": [_mark_as_json(mark) for mark in grade.marks],
                }
                for grade in self.grades
            ],
        }

    def as_gradescope(self) -> dict[str, Any]:
        """What an autograder leaves in results.json for Gradescope.

        Source: gradescope-autograders.readthedocs.io, "Autograder specifications". Raises
        `MinibertError` for more than one learner.
        """
        if len(self.grades) > 1:
            raise MinibertError("Gradescope takes the results of one file at a time")
        (grade,) = self.grades
        return {
            "execution_time": round(self.seconds),
            "output": f"{grade.points} of {grade.possible} points",
            "output_format": "text",
            "visibility": "visible",
            "tests": [
                {
                    "name": mark.exercise.name,
                    "number": f"{int(self.chapter.number)}.{place}",
                    "score": mark.points,
                    "max_score": mark.exercise.points,
                    "status": "failed" if mark.failure else "passed",
                    "output": "\n".join(_lines(mark)),
                    "output_format": "text",
                }
                for place, mark in enumerate(grade.marks, 1)
            ],
        }

    def as_csv(self) -> str:
        """A row for each learner: name, points of each exercise, sum, and what failed."""
        text = StringIO()
        rows = csv.writer(text, lineterminator="\n")
        names = [mark.exercise.name for mark in self.grades[0].marks]
        rows.writerow(["learner", *names, "points", "possible", "failures"])
        for grade in self.grades:
            failures = [
                f"{mark.exercise.name}: {mark.failure.kind}" for mark in grade.marks if mark.failure
            ]
            points = [mark.points for mark in grade.marks]
            learner = _no_formula(grade.learner)
            rows.writerow([learner, *points, grade.points, grade.possible, "; ".join(failures)])
        return text.getvalue()

    def as_html(self) -> str:
        """A page of its own: the class, then every learner."""
        title = escape(f"Chapter {self.chapter.number}, {self.chapter.title}")
        parts = [f"<h1>{title}</h1>"]
        if len(self.grades) > 1:
            parts.append(_class_table(self.grades))
        for place, grade in enumerate(self.grades):
            points = f"{grade.points} of {grade.possible} points"
            parts.append(f'<h2 id="learner-{place}">{escape(grade.learner)}: {points}</h2>')
            parts += [_section(mark) for mark in grade.marks]
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
            f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
        )


def explanation(mark: Mark) -> list[str]:
    """What is wrong, in lines; none if nothing is."""
    failure = mark.failure
    if failure is None:
        return []
    where = f'in the call "{failure.probe}": ' if failure.probe else ""
    lines = [f"{where}{failure.message}", *failure.details]
    if mark.calls > 1:
        lines.append(f"{mark.failed} of {mark.calls} calls fail.")
    if mark.diagnosis.causes:
        lines.append(_cause(mark, failure))
        if len(mark.diagnosis.causes) > 1:
            lines.append("(No call tells these apart.)")
    if failure.kind not in ("syntax error", "not UTF-8", "not readable"):
        pages = [cause.page or mark.exercise.page for cause in mark.diagnosis.causes]
        read = dict.fromkeys(map(_where, pages or [mark.exercise.page]))
        lines.append(f"Read {' and '.join(read)}.")
    return lines


def _cause(mark: Mark, failure: Failure) -> str:
    """What the known mistakes explain, and the first call that they do not."""
    causes, explained, unexplained, whole = mark.diagnosis
    what = ", or with ".join(cause.says for cause in causes)
    if whole and failure.kind == "raises":
        return f"This is what happens with {what}."
    if whole:
        return f"Your function gives what one gets with {what}."
    where = f"{len(explained)} of them" if len(explained) > 1 else f'the call "{explained[0]}"'
    rest = f'; the call "{unexplained}" fails for another reason' if unexplained else ""
    return f"In {where}, your function gives what one gets with {what}{rest}."


def _where(page: str) -> str:
    """A page as the learner finds it: the notebook's file, and the heading in it."""
    stem, _, heading = page.partition(": ")
    return f"tutorials/{stem}.ipynb" + (f', "{heading}"' if heading else "")


def _lines(mark: Mark) -> list[str]:
    return [mark.failure.kind, *explanation(mark)] if mark.failure else ["right"]


def _mark_as_json(mark: Mark) -> dict[str, Any]:
    failure = mark.failure
    return {
        "name": mark.exercise.name,
        "title": mark.exercise.title,
        "passed": failure is None,
        "points": mark.points,
        "possible": mark.exercise.points,
        "kind": failure and failure.kind,
        "message": failure and failure.message,
        "call": failure and failure.probe,
        "details": list(failure.details) if failure else [],
        "failed_calls": mark.failed,
        "whole": mark.diagnosis.whole,
        "causes": [
            {"name": one.name, "says": one.says, "page": one.page or mark.exercise.page}
            for one in mark.diagnosis.causes
        ],
    }


def _no_formula(cell: str) -> str:
    """A spreadsheet would compute a cell that begins like a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _class_table(grades: Sequence[Grade]) -> str:
    head = "".join(f"<th>{escape(mark.exercise.name)}</th>" for mark in grades[0].marks)
    rows = []
    for place, grade in enumerate(grades):
        cells = "".join(f"<td>{_verdict(mark)}</td>" for mark in grade.marks)
        name = f'<a href="#learner-{place}">{escape(grade.learner)}</a>'
        points = f'<td class="number">{grade.points}/{grade.possible}</td>'
        rows.append(f"<tr><td>{name}</td>{cells}{points}</tr>")
    body = "\n".join(rows)
    return f"<table><tr><th>learner</th>{head}<th>points</th></tr>\n{body}\n</table>"


def _verdict(mark: Mark) -> str:
    if mark.failure is None:
        return '<span class="pass">pass</span>'
    return f'<span class="fail">{escape(mark.failure.kind)}</span>'


def _section(mark: Mark) -> str:
    title = f"{escape(mark.exercise.name)}: {_verdict(mark)} {mark.points}/{mark.exercise.points}"
    text = escape("\n".join(explanation(mark)))
    return f"<h3>{title}</h3>" + (f"\n<pre>{text}</pre>" if text else "")
