"""From the model's scores to answers: the best spans, no answer, probabilities, and the files.

A span's score is the sum of two: how much its first word piece is a beginning, and how much its
last is an end. Spans lie in the context, are at most so many word pieces long, and are looked for
in the window that shows their first piece best. That there is no answer is scored like a span of
[CLS] alone, and believed only as far as the window that speaks against it most.

Source: google-research/bert, `run_squad.py`, which looks only at the twenty best beginnings and
ends of each window. Here every span is looked at.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from minibert.checkpoint.disk import write_atomically
from minibert.errors import DataError
from minibert.tasks.characters import sentence_around
from minibert.tasks.squad.windows import Windows

SUMS_AT_ONCE = 4_000_000  # spans that are looked at together: 16 MB


class Spans(NamedTuple):
    """The best spans of every question, best first: (Q, N) each.

    Where a question has fewer than N, the logits of the rest are minus infinity.
    """

    starts: NDArray[np.int32]  # in characters of the context
    ends: NDArray[np.int32]
    start_logits: NDArray[np.float32]
    end_logits: NDArray[np.float32]

    @property
    def scores(self) -> NDArray[np.float64]:
        """What the spans are ordered by."""
        return self.start_logits.astype(np.float64) + self.end_logits


class Found(NamedTuple):
    """An answer in words."""

    text: str  # "" for no answer
    start: int  # characters of the context, text == context[start:end]
    end: int
    probability: float
    sentence: str  # the one around it; "" for no answer

    def as_json(self) -> dict[str, Any]:
        """What JSON shows."""
        return self._asdict()

    def __str__(self) -> str:
        if not self.text:
            return f"no answer  {self.probability:.3f}"
        place = f"characters {self.start} to {self.end}"
        return f"{self.text}  {self.probability:.3f}  {place}: {self.sentence}"


def best_spans(
    windows: Windows, logits: NDArray[np.float32], size: int = 20, longest: int = 30
) -> Spans:
    """The `size` best spans of at most `longest` word pieces; logits (T, 2) as in `Windows`.

    Of equal ones those of earlier windows, then those that begin first, then the shortest.
    """
    firsts, lasts, found = _best_of_windows(windows, logits, size, longest)  # (N, size) each
    scores = logits[firsts, 0].astype(np.float64) + logits[lasts, 1]
    scores[~found] = -np.inf
    # The windows of a question follow each other, and so do their candidates.
    owners = np.repeat(windows.owners, size)
    order = np.lexsort((-scores.ravel(), owners))
    ranks = np.arange(len(order)) - np.searchsorted(owners, owners)
    best = order[ranks < size].reshape(-1, size)  # every question has a window, so at least `size`
    first, last, found = firsts.ravel()[best], lasts.ravel()[best], found.ravel()[best]
    return Spans(
        windows.char_starts[first],
        windows.char_ends[last],
        np.where(found, logits[first, 0], -np.inf),
        np.where(found, logits[last, 1], -np.inf),
    )


def _best_of_windows(
    windows: Windows, logits: NDArray[np.float32], size: int, longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """First and last positions (in T) of each window's best spans, and which of them there are.

    (N, size) each, best first.
    """
    # Where pieces share their characters (a Hangul letter is two or three), the first begins them
    # and the last ends them.
    starts, ends = windows.char_starts, windows.char_ends
    begins = windows.max_context & np.diff(starts, prepend=-1).astype(bool)
    closes = (ends >= 0) & np.diff(ends, append=-1).astype(bool)
    start_logits = np.where(begins, logits[:, 0], -np.inf).astype(np.float32)
    end_logits = np.where(closes, logits[:, 1], -np.inf).astype(np.float32)

    shape = len(windows), size
    firsts, lasts = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    found = np.zeros(shape, dtype=bool)
    at_once = max(1, SUMS_AT_ONCE // (longest * int(windows.lengths.max())))
    for row in range(0, len(windows), at_once):
        rows = slice(row, row + at_once)
        lengths = windows.lengths[rows, None]
        width = int(lengths.max())
        columns = np.arange(width + longest - 1)
        inside = columns < lengths
        places = np.where(inside, windows.starts[:-1][rows, None] + columns, 0)
        start = np.where(inside, start_logits[places], -np.inf)[:, :width]
        end = np.where(inside, end_logits[places], -np.inf)
        # sums[w, i, j] is the score of the span from i to i + j
        sums = start[:, :, None] + sliding_window_view(end, longest, axis=1)
        # The best spans begin at the positions whose own best span is among the best.
        top = np.sort(np.argsort(-sums.max(-1), axis=1, kind="stable")[:, :size], axis=1)
        candidates = np.take_along_axis(sums, top[:, :, None], axis=1).reshape(len(sums), -1)
        best = np.argsort(-candidates, axis=1, kind="stable")[:, :size]
        kept = slice(best.shape[1])
        first = np.take_along_axis(top, best // longest, axis=1) + windows.starts[:-1][rows, None]
        found[rows, kept] = np.isfinite(np.take_along_axis(candidates, best, axis=1))
        firsts[rows, kept] = np.where(found[rows, kept], first, 0)
        lasts[rows, kept] = np.where(found[rows, kept], first + best % longest, 0)
    return firsts, lasts, found


class Predictions:
    """What a model answers to every question; logits (T, 2) end to end as in `Windows`.

    Raises `DataError` if a context has no span of so few word pieces: in some writings a single
    character is several.
    """

    def __init__(
        self,
        windows: Windows,
        logits: NDArray[np.float32],
        size: int = 20,
        longest: int = 30,
    ):
        self.questions = windows.questions
        self.spans = best_spans(windows, logits, size, longest)
        without = np.flatnonzero(np.isneginf(self.spans.scores[:, 0]))
        if len(without):
            raise DataError(
                f"question {self.questions[without[0]].id}: no character of its context has at "
                f"most {longest} word pieces; allow longer answers (max_answer_length)"
            )
        null = logits[windows.starts[:-1]]  # (N, 2), those of [CLS]
        order = np.lexsort((null.sum(1), windows.owners))
        least = order[np.searchsorted(windows.owners, np.arange(len(self.questions)))]
        self.null_logits = null[least]  # (Q, 2), of the window that scores it least

    @property
    def odds(self) -> NDArray[np.float64]:
        """The score of no answer less that of the best span: (Q,)."""
        return self.null_logits.sum(1, dtype=np.float64) - self.spans.scores[:, 0]

    def null_odds(self) -> dict[str, float]:
        """The same by the questions' ids."""
        ids = (question.id for question in self.questions)
        return dict(zip(ids, map(float, self.odds), strict=True))

    def texts(self, threshold: float | None) -> dict[str, str]:
        """The best answer to every question, "" if the odds of none are beyond the threshold.

        With threshold None every question has an answer, as in version 1.1.
        """
        refused = (
            np.zeros(len(self.questions), bool) if threshold is None else self.odds > threshold
        )
        return {
            question.id: "" if refused[row] else self._text(row, 0)
            for row, question in enumerate(self.questions)
        }

    def _text(self, row: int, rank: int) -> str:
        start, end = self.spans.starts[row, rank], self.spans.ends[row, rank]
        return self.questions[row].context[start:end]

    def nbest(self, row: int, with_null: bool) -> list[dict[str, str | float]]:
        """The candidates of one question, best first, in the form of nbest_predictions.json.

        Their probabilities sum to one. with_null: no answer, "", is one of them. The same words at
        two places are two candidates.
        """
        context = self.questions[row].context
        found = [
            (start_logit + end_logit, context[start:end], start_logit, end_logit)
            for start, end, start_logit, end_logit in zip(
                *(column[row].tolist() for column in self.spans), strict=True
            )
            if start_logit > -math.inf
        ]
        if with_null:
            start_logit, end_logit = self.null_logits[row].tolist()
            found.append((start_logit + end_logit, "", start_logit, end_logit))
        found.sort(key=lambda one: -one[0])
        shares = [math.exp(score - found[0][0]) for score, *_ in found]
        total = sum(shares)
        return [
            {
                "text": text,
                "probability": share / total,
                "start_logit": start_logit,
                "end_logit": end_logit,
            }
            for share, (_, text, start_logit, end_logit) in zip(shares, found, strict=True)
        ]

    def found(self, row: int, threshold: float | None) -> Found:
        """The answer to one question, with its place and the sentence around it."""
        candidates = self.nbest(row, threshold is not None)
        refused = threshold is not None and self.odds[row] > threshold
        best = next(one for one in candidates if (one["text"] == "") == refused)
        if refused:
            return Found("", 0, 0, float(best["probability"]), "")
        start, end = int(self.spans.starts[row, 0]), int(self.spans.ends[row, 0])
        context = self.questions[row].context
        sentence = sentence_around(context, start, end)
        return Found(context[start:end], start, end, float(best["probability"]), sentence)

    def write_lines(self, path: Path, threshold: float | None) -> None:
        """JSON lines: id, question, and of the answer its text, place, probability and sentence."""
        lines = []
        for row, question in enumerate(self.questions):
            asked = {"id": question.id, "question": question.question}
            answer = self.found(row, threshold).as_json()
            lines.append(json.dumps({**asked, **answer}, ensure_ascii=False) + "\n")
        write_atomically(path, "".join(lines))

    def write_texts(self, path: Path, threshold: float | None) -> None:
        """The answers in the official form: one object, whose fields are the questions' ids."""
        write_atomically(path, _object(self.texts(threshold).items()))

    def write(self, directory: Path, threshold: float | None) -> None:
        """predictions.json and nbest_predictions.json, and with a threshold null_odds.json.

        All in the official form.
        """
        self.write_texts(directory / "predictions.json", threshold)
        if threshold is not None:
            write_atomically(directory / "null_odds.json", _object(self.null_odds().items()))
        nbest = (
            (question.id, self.nbest(row, threshold is not None))
            for row, question in enumerate(self.questions)
        )

        def fill(path: Path) -> None:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(_lines(nbest))

        write_atomically(directory / "nbest_predictions.json", fill)


def _object(items: Iterable[tuple[str, Any]]) -> str:
    return "".join(_lines(items))


def _lines(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """A JSON object piece by piece, a line for each of its fields."""
    separator = "{\n"
    for name, value in items:
        dumped = json.dumps(value, ensure_ascii=False)
        yield f"{separator}  {json.dumps(name, ensure_ascii=False)}: {dumped}"
        separator = ",\n"
    yield "\n}\n"
