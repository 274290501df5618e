"""The SQuAD ruler: one question's characters, words, word pieces, windows and answers, aligned.

    characters  ╷170      ╷180      ╷190
    context     (AFC) champion Denver Broncos defeated
    words       └30─┘ └31────┘ └32──┘ └33───┘ └34────┘
    pieces      │└┘│  └44────┘ └45──┘ └46───┘ └47────┘
    answer                     ╘════════════╛
    window 1    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

A window is drawn bold where it shows the context better than any other: spans that begin there are
looked for in this window alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len

from minibert.errors import ConfigError
from minibert.tasks.characters import GRAPHEME, harmless
from minibert.tasks.overlap import Run
from minibert.tasks.squad.reading import Answer, Question, question_with_id, read_squad
from minibert.tasks.squad.windows import (
    Pieces,
    Window,
    check_lengths,
    check_room,
    cut_windows,
)
from minibert.tokenization import BertTokenizer

MARGIN = 12  # columns for the names of the rows
LEAST_WIDTH = MARGIN + 8
LEFT_TO_RIGHT, AS_BEFORE = "\u202d", "\u202c"  # else terminals turn Hebrew and Arabic around


class Glyphs(NamedTuple):
    """What a span is drawn with."""

    left: str
    middle: str
    right: str
    alone: str  # where it is one column wide


BRACKET = Glyphs("└", "─", "┘", "│")
ANSWER = Glyphs("╘", "═", "╛", "╧")
CHARACTERS = Glyphs("▔", "▔", "▔", "▔")
THIN, BOLD = Glyphs("─", "─", "─", "─"), Glyphs("━", "━", "━", "━")


class Span(NamedTuple):
    """Some characters of the context, and what to write on them if there is room."""

    start: int
    end: int
    label: str = ""


class Line:
    """As much of the context as fits into one line of the terminal."""

    def __init__(self, context: str, start: int, width: int):
        """From character `start` on; lines end after a blank, if there is one, or a newline."""
        self.start = start
        graphemes: list[str] = []
        used = 0
        for found in GRAPHEME.finditer(context, start):
            used += cell_len(visible(found.group()))
            if used > width and graphemes:
                if " " in graphemes:
                    del graphemes[len(graphemes) - graphemes[::-1].index(" ") :]
                break
            graphemes.append(found.group())
            if graphemes[-1].endswith("\n"):
                break
        self.columns = [0]  # of every character, and of the end
        for grapheme in graphemes:
            left = self.columns[-1]
            self.columns += [left] * (len(grapheme) - 1) + [left + cell_len(visible(grapheme))]
        self.end = start + len(self.columns) - 1
        self.text = "".join(map(visible, graphemes))
        if any(unicodedata.bidirectional(character) in ("R", "AL") for character in self.text):
            self.text = LEFT_TO_RIGHT + self.text + AS_BEFORE

    def draw(self, spans: Sequence[Span], glyphs: Glyphs, row: str = "") -> str:
        """The spans under their characters, over what the row already shows."""
        cells = list(row.ljust(self.columns[-1]))
        for span in spans:
            start, end = max(span.start, self.start), min(span.end, self.end)
            if start >= end:
                continue
            left, right = self.columns[start - self.start], self.columns[end - self.start]
            drawn = [glyphs.middle] * (right - left)
            if len(drawn) == 1:
                drawn = [glyphs.alone]
            elif drawn:
                drawn[0] = glyphs.left if start == span.start else glyphs.middle
                drawn[-1] = glyphs.right if end == span.end else glyphs.middle
            if len(span.label) <= len(drawn) - 2:
                drawn[1 : 1 + len(span.label)] = span.label
            cells[left:right] = drawn
        return "".join(cells).rstrip()

    def scale(self) -> str:
        """The numbers of every tenth character."""
        cells: list[str] = []
        for place in range(-(-self.start // 10) * 10, self.end, 10):
            column = self.columns[place - self.start]
            cells = cells[:column] + [" "] * (column - len(cells)) + list(f"╷{place}")
        return "".join(cells)


def visible(grapheme: str) -> str:
    """A grapheme as it can be shown in a column or two: ␊ for a newline, · for what has no look."""
    if ord(grapheme[0]) < 32:
        return chr(0x2400 + ord(grapheme[0]))
    return grapheme if grapheme[0].isprintable() and cell_len(grapheme) else "·"


def ruler_of(
    file: Path,
    id: str,
    model: str = "minilm",
    max_length: int = 384,
    doc_stride: int = 128,
    max_query_length: int = 64,
    width: int = 100,
) -> str:
    """The drawing of the question with this id in a file, by the tokenizer of `model`."""
    question = question_with_id(read_squad(file), id)
    tokenizer = BertTokenizer.from_pretrained(model)
    return draw_ruler(question, tokenizer, max_length, doc_stride, max_query_length, width)


def draw_ruler(
    question: Question,
    tokenizer: BertTokenizer,
    max_length: int = 384,
    doc_stride: int = 128,
    max_query_length: int = 64,
    width: int = 100,
) -> str:
    """The drawing of one question, `width` columns wide, and what each window is labelled with."""
    check_lengths(doc_stride, max_query_length)
    if width < LEAST_WIDTH:
        raise ConfigError(f"width must be at least {LEAST_WIDTH}, not {width}")
    pieces = Pieces(question.context, tokenizer.encode(question.context))
    query = tokenizer.encode(question.question, None, max_query_length + 2)
    check_room(question, len(query.ids), len(pieces), max_length)
    placed = {
        answer: run
        for answer in question.answers
        if answer.fits(question.context) and (run := pieces.holding(answer))
    }
    gold = next(iter(placed.values()), None)
    windows = cut_windows(query.ids, pieces, gold, max_length, doc_stride)

    found = list(re.finditer(r"\S+", question.context))
    words = _numbered([word.start() for word in found], [word.end() for word in found])
    lines = [
        f"question    {harmless(' '.join(question.question.split()))}",
        f"            {question.id}, {len(query.ids) - 2} word pieces"
        + (f", cut to {max_query_length}" if query.overflowing else ""),
        f"context     {len(question.context)} characters, {len(words)} words, {len(pieces)} word "
        f"pieces, {len(windows)} window{'s' * (len(windows) > 1)}",
        *_answers(question, pieces, placed),
    ]
    end = 0
    while end < len(question.context):
        line = Line(question.context, end, width - MARGIN)
        rows = [
            ("characters", line.scale()),
            ("context", line.text),
            ("words", line.draw(words, BRACKET)),
            ("pieces", line.draw(_numbered(pieces.starts, pieces.ends), BRACKET)),
            *_drawn_answers(line, pieces, placed),
            *(
                (f"window {number}", _drawn_window(line, window, pieces))
                for number, window in enumerate(windows, 1)
            ),
        ]
        lines += ["", *(f"{name:{MARGIN}}{row}" for name, row in rows if row)]
        end = line.end
    for number, window in enumerate(windows, 1):
        lines += ["", *_described(number, window, pieces, len(query.ids), max_length)]
        lines.append(f"            label {_label(window, question, gold, tokenizer)}")
    return "\n".join(lines)


def _numbered(starts: Iterable[int], ends: Iterable[int]) -> list[Span]:
    pairs = zip(starts, ends, strict=True)
    return [Span(start, end, str(number)) for number, (start, end) in enumerate(pairs)]


def _answers(question: Question, pieces: Pieces, placed: dict[Answer, Run]) -> list[str]:
    """What is known of each answer."""
    lines: list[str] = []
    for answer in dict.fromkeys(question.answers):
        told = f"{answer.text!r}, characters {answer.start} to {answer.start + len(answer.text)}"
        if answer not in placed:
            there = answer.fits(pieces.context)
            told += ": no word piece stands for them" if there else ": they are not there"
        elif (cut := pieces.text(placed[answer])) != answer.text:
            told += f"; the smallest run of word pieces around it is {cut!r}"
        lines.append(f"{'' if lines else 'answer':{MARGIN}}{told}")
    return lines or ["answer      none: the context does not tell"]


def _drawn_answers(
    line: Line, pieces: Pieces, placed: dict[Answer, Run]
) -> Iterator[tuple[str, str]]:
    """A row for each answer's word pieces; before it one for its own characters if they differ."""
    for number, (answer, run) in enumerate(placed.items(), 1):
        name = f"answer {number}" if len(placed) > 1 else "answer"
        own = Span(answer.start, answer.start + len(answer.text))
        cut = Span(pieces.starts[run.first], pieces.ends[run.last])
        if own != cut:
            yield name, line.draw([own], CHARACTERS)
            name = "  becomes"
        yield name, line.draw([cut], ANSWER)


def _drawn_window(line: Line, window: Window, pieces: Pieces) -> str:
    """A thin line where the window shows the context, a bold one where it shows it best."""
    shown = Span(pieces.starts[window.run.first], pieces.ends[window.run.last])
    best = window.max_context
    row = line.draw([shown], THIN)
    if not best.any():
        return row
    return line.draw([Span(window.char_starts[best][0], window.char_ends[best][-1])], BOLD, row)


def _described(
    number: int, window: Window, pieces: Pieces, shift: int, max_length: int
) -> list[str]:
    """What a window is made of."""
    first, last = window.run
    whole = ", the whole context" if last - first + 1 == len(pieces) else ""
    return [
        f"window {number:<5}word pieces {first} to {last}{whole}, "
        f"characters {pieces.starts[first]} to {pieces.ends[last]}",
        f"            [CLS] {shift - 2} of the question [SEP] {last - first + 1} of the context "
        f"[SEP]: {len(window.ids)} of {max_length} positions",
    ]


def _label(window: Window, question: Question, gold: Run | None, tokenizer: BertTokenizer) -> str:
    """Where the window is said to hold the answer, or why it is said to be [CLS]."""
    start, end = window.label
    first, last = window.run
    if start:
        vocabulary = tokenizer.vocabulary
        names = " ".join(vocabulary[id] for id in window.ids[start : end + 1])
        return f"start {start}, end {end}: {names}"
    if gold is None:
        known = "none: no answer has a place in the context, so nothing is learnt from it"
        return known if question.answers else "[CLS]: the context does not answer the question"
    several = gold.last > gold.first
    told = f"word pieces {gold.first} to {gold.last}" if several else f"word piece {gold.first}"
    told = f"the answer, {told},"
    if gold.first > last:
        return f"[CLS]: {told} begins behind this window"
    if gold.last < first:
        return f"[CLS]: {told} ends before this window"
    held = min(gold.last, last) - max(gold.first, first) + 1
    return f"[CLS]: {told} has only {held} of its {gold.last - gold.first + 1} in this window"
