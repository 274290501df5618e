"""report.md: a report as a page to read, in Markdown with the pictures linked."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minibert.tasks.reports.report import ClassReport, Miss, Mistake, ScoreReport

CURVES = "![loss, metrics, learning rate and gradient norm over the steps](curves.png)"
LONGEST_TEXT = 400  # characters of a text that are shown; report.json has all of it


def class_page(title: str, report: "ClassReport", warnings: Sequence[str]) -> str:
    """The page for predicted classes."""
    named = [*report.classes, report.macro]
    figures = [
        (one.name, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", one.examples)
        for one in named
    ]
    names = [one.name for one in report.classes]
    counts = [(name, *row) for name, row in zip(names, report.confusion, strict=True)]
    shown = "all of them" if report.mistakes <= len(report.worst) else "the worst"
    return page(
        title,
        warnings,
        f"{report.examples:,} examples of the dev set: accuracy **{report.accuracy:.4f}**, "
        f"log loss {report.log_loss:.4f}, calibration error {report.calibration_error:.4f}.",
        table(("class", "precision", "recall", "F1", "examples"), figures),
        CURVES,
        "## Which class is taken for which",
        "Rows are the truth, columns the predictions.",
        table(("", *names), counts),
        "![confusion matrix](confusion.png)",
        "## How far its probabilities can be trusted",
        "Of the predictions to which the model gives 80 %, 80 % should be right. Below the line "
        "it is surer than it should be. The expected calibration error is the mean distance "
        "from the line, each bin weighted by its examples.",
        "![calibration](calibration.png)",
        "## Most wrong",
        f"{report.mistakes:,} of {report.examples:,} are wrong; here are {shown}, highest loss "
        "first. The number is the row's index in predictions.tsv."
        if report.worst
        else "Not one of them is wrong.",
        *(_mistake(one) for one in report.worst),
    )


def score_page(title: str, report: "ScoreReport", warnings: Sequence[str]) -> str:
    """The page for predicted scores."""
    figures = [
        ("Pearson correlation", f"{report.pearson:.4f}"),
        ("Spearman correlation", f"{report.spearman:.4f}"),
        ("mean absolute error", f"{report.mean_absolute_error:.4f}"),
        ("root mean squared error", f"{report.root_mean_squared_error:.4f}"),
    ]
    return page(
        title,
        warnings,
        f"{report.examples:,} examples of the dev set.",
        table(("", "value"), figures),
        CURVES,
        "## Predicted and true scores",
        "![predicted over true scores](scatter.png)",
        "## Most wrong",
        "Farthest from the truth first; the number is the row's index in predictions.tsv.",
        *(_miss(one) for one in report.worst),
    )


def page(title: str, warnings: Sequence[str], *parts: str) -> str:
    """A page under its title, warnings first."""
    alarm = ["## Warnings", "\n".join(f"- {plain(one)}" for one in warnings)] if warnings else []
    return "\n\n".join([f"# {plain(title)}", *alarm, *parts]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with its first column to the left, and numbers to the right."""

    def line(cells: Sequence[object]) -> str:
        return f"| {' | '.join(map(str, cells))} |"

    rules = ["---", *["---:"] * (len(head) - 1)]
    cells = [[plain(str(cell)) for cell in row] for row in (head, *rows)]
    return "\n".join(map(line, (cells[0], rules, *cells[1:])))


def _mistake(one: "Mistake") -> str:
    found = f"{plain(one.prediction)} ({one.probability:.3f})"
    truth = f"{plain(one.truth)} ({one.truth_probability:.3f})"
    return f"**{one.index}**: {found}, in truth {truth}\n{_quoted(one)}"


def _miss(one: "Miss") -> str:
    return (
        f"**{one.index}**: {one.prediction:.2f}, in truth {one.truth:.2f} "
        f"({one.distance:.2f} off)\n{_quoted(one)}"
    )


def _quoted(one: "Mistake | Miss") -> str:
    """The text, or both, as a quotation."""
    lines = [one.text] if one.pair is None else [one.text, one.pair]
    return "\n>\n".join(f"> {plain(_shortened(line))}" for line in lines)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT].rstrip()} ..."


def plain(text: str) -> str:
    """Text in one line, with nothing in it that Markdown or HTML would take for itself."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", " ".join(text.split()))
