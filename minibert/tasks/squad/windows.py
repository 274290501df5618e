"""What the model is given of each question: [CLS] question [SEP] part of the context [SEP].

A context that is too long is read through several windows, each `doc_stride` word pieces behind the
one before. A window is labelled with the word pieces at which the answer begins and ends, or with
[CLS] twice if it does not hold all of the answer.

Source: google-research/bert, `run_squad.py`. `doc_stride` is the step between windows there and
here; in `tokenizers` and `transformers`, `stride` is how much two windows share.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from minibert.errors import ConfigError, DataError
from minibert.tasks.characters import GraphemeBounds, grapheme_bounds
from minibert.tasks.features import Features
from minibert.tasks.overlap import Run, max_context, window_runs
from minibert.tasks.squad.reading import Answer, Question
from minibert.tokenization import BertTokenizer

UNKNOWN = -100  # a label that `functional.cross_entropy` passes over


class Pieces:
    """A context's word pieces, and which characters each of them stands for.

    Those of a piece begin and end where graphemes do: an accent that an uncased tokenizer strips
    belongs to the piece that its letter is in, and one that is split over several pieces to all of
    them. So no text that is cut by them begins or ends inside a character.
    """

    def __init__(self, context: str, encoding: Encoding):
        """encoding: of the context alone, with [CLS] and [SEP]."""
        self.context = context
        self.ids = np.array(encoding.ids[1:-1], dtype=np.int32)
        self.bounds: GraphemeBounds = grapheme_bounds(context)
        offsets = np.array(encoding.offsets[1:-1], dtype=np.int32).reshape(-1, 2)
        self.starts, self.ends = self.bounds.left[offsets[:, 0]], self.bounds.right[offsets[:, 1]]

    def __len__(self) -> int:
        return len(self.ids)

    def holding(self, answer: Answer) -> Run | None:
        """The smallest run that covers the answer; None if nothing of it is in any piece.

        Blanks and what else the tokenizer does not see need no covering.
        """
        start = self.bounds.left[answer.start]
        end = self.bounds.right[answer.start + len(answer.text)]
        first = int(np.searchsorted(self.ends, start, side="right"))
        last = int(np.searchsorted(self.starts, end, side="left")) - 1
        return Run(first, last) if first <= last else None

    def text(self, run: Run) -> str:
        """The characters that a run stands for, cut from the context."""
        return self.context[self.starts[run.first] : self.ends[run.last]]


class Misplaced(NamedTuple):
    """An answer that has no place in its context, or none that the tokenizer sees."""

    id: str
    answer: Answer
    there: str  # what the context has where `answer_start` says

    def __str__(self) -> str:
        told = f"{self.id}: {self.answer.text!r} at {self.answer.start}"
        if self.there == self.answer.text:
            return f"{told}, for which the tokenizer has no word piece"
        return f"{told}, where {self.there!r} is"


class Inexact(NamedTuple):
    """An answer that no run of word pieces gives exactly.

    It begins or ends inside a piece, or with a blank.
    """

    id: str
    answer: str
    cut: str  # what the smallest run that covers the answer stands for

    def __str__(self) -> str:
        return f"{self.id}: {self.answer!r} becomes {self.cut!r}"


class Window(NamedTuple):
    """One window of one question; positions are counted from its [CLS]."""

    run: Run  # the word pieces of the context that it shows
    label: Run  # the positions at which the answer begins and ends
    ids: NDArray[np.int32]  # (S,), as all below
    segments: NDArray[np.int8]
    char_starts: NDArray[np.int32]  # in the context; -1 where the position is not of the context
    char_ends: NDArray[np.int32]
    max_context: NDArray[np.bool_]  # whether no other window shows this word piece better


def cut_windows(
    query: Sequence[int], pieces: Pieces, answer: Run | None, max_length: int, doc_stride: int
) -> list[Window]:
    """The windows of one question; query: its ids with [CLS] and [SEP].

    The query must leave room for one piece of the context at least.
    """
    shift = len(query)
    runs = window_runs(len(pieces), max_length - shift - 1, doc_stride)
    made = []
    for run, best in zip(runs, max_context(runs), strict=True):
        label = Run(0, 0)
        if answer is not None and run.first <= answer.first and answer.last <= run.last:
            label = Run(answer.first - run.first + shift, answer.last - run.first + shift)
        shown = slice(run.first, run.last + 1)
        ids = np.array([*query, *pieces.ids[shown], query[-1]], dtype=np.int32)
        made.append(
            Window(
                run,
                label,
                ids,
                segments=(np.arange(len(ids)) >= shift).astype(np.int8),
                char_starts=_framed(pieces.starts[shown], shift, -1),
                char_ends=_framed(pieces.ends[shown], shift, -1),
                max_context=_framed(best, shift, False),
            )
        )
    return made


def _framed(values: NDArray[Any], shift: int, outside: int) -> NDArray[Any]:
    """Values of the context's positions, with `outside` for the question's before and [SEP]."""
    framed = np.full(shift + len(values) + 1, outside, dtype=values.dtype)
    framed[shift:-1] = values
    return framed


class Windows(Features):
    """The windows of many questions, end to end without padding, in the questions' order.

    `labels` (N, 2) are the positions at which the answer begins and ends in the window, 0 and 0
    where it does not; `UNKNOWN` twice if no answer of the question has a place. Where several are
    right, the first that has a place counts. None if any question's answers are not known.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        tokenizer: BertTokenizer,
        max_length: int = 384,
        doc_stride: int = 128,
        max_query_length: int = 64,
        training: bool = False,
        at_once: int = 4096,
    ):
        """Longer questions are cut; `truncated` counts them.

        For training questions whose answers have no place are left out: `left_out` has their ids.
        `misplaced` and `inexact` list the answers concerned, `report` tells of all. Raises
        `DataError` with the id if a question leaves no room for its context, or the tokenizer sees
        nothing in a context; and if of all answers none has a place.
        """
        check_lengths(doc_stride, max_query_length)
        self.pad_id = tokenizer.pad_id
        self.truncated = 0
        self.misplaced: list[Misplaced] = []
        self.inexact: list[Inexact] = []
        self.left_out: list[str] = []
        self.questions: list[Question] = []
        made: list[Window] = []
        owners, labels = [], []
        for start in range(0, len(questions), at_once):
            some = questions[start : start + at_once]
            contexts = list(dict.fromkeys(question.context for question in some))
            encodings = zip(contexts, tokenizer.encode_batch(contexts), strict=True)
            pieces = {context: Pieces(context, encoding) for context, encoding in encodings}
            queries = tokenizer.encode_batch([q.question for q in some], None, max_query_length + 2)
            for question, query in zip(some, queries, strict=True):
                self.truncated += bool(query.overflowing)
                shown = pieces[question.context]
                check_room(question, len(query.ids), len(shown), max_length)
                answer = self._placed(question, shown)
                unknown = bool(question.answers) and answer is None
                if unknown and training:
                    self.left_out.append(question.id)
                    continue
                cut = cut_windows(query.ids, shown, answer, max_length, doc_stride)
                made += cut
                owners += [len(self.questions)] * len(cut)
                labels += [(UNKNOWN, UNKNOWN) if unknown else window.label for window in cut]
                self.questions.append(question)
        if not made or all(label == (UNKNOWN, UNKNOWN) for label in labels):
            told = f"; the first is {self.misplaced[0]}" if self.misplaced else ""
            raise DataError(f"no answer has a place in its context{told}")

        self.ids = np.concatenate([window.ids for window in made])
        self.segments = np.concatenate([window.segments for window in made])
        self.char_starts = np.concatenate([window.char_starts for window in made])
        self.char_ends = np.concatenate([window.char_ends for window in made])
        self.max_context = np.concatenate([window.max_context for window in made])
        self.lengths = np.array([len(window.ids) for window in made])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.owners = np.array(owners)  # of every window the place of its question
        known = all(question.known for question in self.questions)
        self.labels = torch.tensor(labels) if known else None

    def _placed(self, question: Question, pieces: Pieces) -> Run | None:
        """The run of the first answer that has one; what is amiss with any answer is noted."""
        runs = []
        for answer in question.answers:
            run = pieces.holding(answer) if answer.fits(question.context) else None
            if run is None:
                there = question.context[answer.start :] if answer.start >= 0 else ""
                there = there[: len(answer.text)]
                self.misplaced.append(Misplaced(question.id, answer, there))
                continue
            runs.append(run)
            if (cut := pieces.text(run)) != answer.text:
                self.inexact.append(Inexact(question.id, answer.text, cut))
        return runs[0] if runs else None

    def report(self) -> str:
        """How many windows there are, and then what is amiss with which answers."""
        lines = [f"{len(self.questions)} questions, {len(self)} windows"]
        if self.truncated:
            lines[0] += f", {self.truncated} questions cut"
        if self.left_out:
            lines[0] += f", {len(self.left_out)} questions left out for want of an answer"
        kinds: tuple[tuple[str, Sequence[Misplaced | Inexact]], ...] = (
            ("that have no place in their context", self.misplaced),
            ("that do not begin and end where word pieces do", self.inexact),
        )
        for kind, found in kinds:
            if found:
                lines.append(f"{len(found)} answers {kind}:")
                lines += [f"  {one}" for one in found]
        return "\n".join(lines)


def check_lengths(doc_stride: int, max_query_length: int) -> None:
    """Raises `ConfigError` for a length that cannot be."""
    for name, value in (("doc_stride", doc_stride), ("max_query_length", max_query_length)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, not {value}")


def check_room(question: Question, query: int, pieces: int, max_length: int) -> None:
    """Raises `DataError` if no window can be cut.

    query: the question's ids, with [CLS] and [SEP]; pieces: those of the context.
    """
    if not pieces:
        raise DataError(f"question {question.id}: the tokenizer sees nothing in its context")
    if query + 2 > max_length:
        raise DataError(
            f"question {question.id}: its {query - 2} word pieces leave no room for the context in "
            f"a window of {max_length}; take longer windows or cut questions shorter"
        )
