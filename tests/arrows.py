"""Runs the shape comments of the model: the convention stands in `minibert/model/__init__.py`.

source -> `find_arrows` -> [Arrow]        what the comments claim, and where
with Watch(arrows, sizes).layout("packed"): model(...)      holds them against live tensors
watch.faults()                            what was wrong, and which arrows never ran
"""

import ast
import io
import re
import sys
import tokenize
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

LAYOUTS = ("padded", "packed")

FACTOR = r"(?:[A-Z]|\d+)"
ENTRY = rf"{FACTOR}(?: \* {FACTOR})*"
SHAPE = rf"\((?:{ENTRY},|{ENTRY}(?:, ?{ENTRY})+)?\)"
SHAPES = rf"{SHAPE}(?: \| {SHAPE})?"
ARROW = re.compile(rf"# (?P<name>\S.*?) (?P<left>{SHAPES}) -> (?P<right>{SHAPES})")


@dataclass(frozen=True, eq=False)  # each is itself: two may read the same
class Arrow:
    """One comment: before the statement `name` has shape left, after it the target has right."""

    file: str
    line: int  # of the comment
    lines: range  # of the statement
    name: str  # an expression
    target: str | None  # an expression; None: what the statement returns
    left: dict[str, str]  # layout -> shape as written, such as "(B, S, D)"
    right: dict[str, str]
    both: bool  # two alternatives: it must run in either layout

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


class ArrowError(Exception):
    """A comment with an arrow that does not follow the convention."""


def find_arrows(file: Path) -> list[Arrow]:
    """The arrows of a source file. Raises `ArrowError` for a comment that is not one."""
    source = file.read_text(encoding="utf-8")
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    arrows = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and "->" in token.string:
            line = token.start[0]
            alone = token.line.lstrip().startswith("#")
            try:
                arrows.append(_arrow(str(file), line, alone, token.string, statements))
            except ArrowError as error:
                raise ArrowError(f"{file.name}:{line}: {error}: {token.string}") from None
    return arrows


def _arrow(file: str, line: int, alone: bool, comment: str, statements: list[ast.stmt]) -> Arrow:
    match = ARROW.fullmatch(comment)
    if match is None:
        raise ArrowError("does not read `# name (B, ...) -> (B, ...)`")
    around = [node for node in statements if node.lineno <= line <= node.end_lineno]
    simple = [node for node in around if not hasattr(node, "body")]
    if not simple and alone:  # a comment on a line of its own speaks of the statement below it
        below = [node for node in statements if node.lineno > line]
        simple = sorted(below, key=lambda node: node.lineno)[:1]
    if not simple:
        raise ArrowError("belongs to no statement")
    (statement,) = simple
    try:
        compile(match["name"], file, "eval")
    except SyntaxError:
        raise ArrowError(f"`{match['name']}` is no expression") from None
    left, right = match["left"].split(" | "), match["right"].split(" | ")
    return Arrow(
        file,
        line,
        range(statement.lineno, statement.end_lineno + 1),
        match["name"],
        _target(statement),
        dict(zip(LAYOUTS, left * (3 - len(left)), strict=True)),  # one shape stands for both
        dict(zip(LAYOUTS, right * (3 - len(right)), strict=True)),
        both=max(len(left), len(right)) == 2,
    )


def _target(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Return):
        return None
    if isinstance(statement, ast.AnnAssign | ast.AugAssign):
        return ast.unparse(statement.target)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if not isinstance(target, ast.Tuple | ast.List):
            return ast.unparse(target)
    raise ArrowError("stands on neither a return nor an assignment to one name")


@dataclass
class Watch:
    """Holds arrows against what runs inside `layout`, by tracing the lines of their files."""

    arrows: list[Arrow]
    sizes: dict[str, int]
    wrong: dict[str, None] = field(default_factory=dict)  # messages, in order, each once
    ran: dict[str, set[Arrow]] = field(default_factory=lambda: {name: set() for name in LAYOUTS})

    def __post_init__(self):
        self.by_line = {}
        for arrow in self.arrows:
            for line in arrow.lines:
                self.by_line.setdefault((arrow.file, line), []).append(arrow)
        self.files = {arrow.file for arrow in self.arrows}

    @contextmanager
    def layout(self, name: str):
        """Check what runs inside; `name`, "padded" or "packed", says which alternative holds."""
        self.current = name
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame, event, argument):
        if frame.f_code.co_filename in self.files:
            return Frame(self).step
        return None

    def check(self, arrow: Arrow, side: str, expression: str, expected: str, value) -> None:
        """Compare a value's shape with the one written; a difference goes to `wrong`."""
        wanted = tuple(
            prod(int(x) if x.isdigit() else self.sizes[x] for x in entry.split("*"))
            for entry in expected.replace(" ", "").strip("()").split(",")
            if entry
        )
        shape = getattr(value, "shape", None)
        if shape is None or tuple(shape) != wanted:
            got = f"{value!r}" if shape is None else f"{tuple(shape)}"
            self.wrong[
                f"{arrow}: {self.current} {side} `{expression}`: "
                f"expected {expected} = {wanted}, got {got}"
            ] = None

    def faults(self) -> list[str]:
        """Everything wrong so far; an arrow with two alternatives must have run in both layouts."""
        never = []
        for arrow in self.arrows:
            missing = [layout for layout in LAYOUTS if arrow not in self.ran[layout]]
            if len(missing) == 2:
                never.append(f"{arrow}: never ran")
            elif missing and arrow.both:
                never.append(f"{arrow}: never ran {missing[0]}")
        return [*self.wrong, *never]


class Frame:
    """One call of a watched function: the statement that runs now, checked when it is over."""

    def __init__(self, watch: Watch):
        self.watch = watch
        self.running: list[Arrow] = []

    def step(self, frame, event, argument):
        """What Python calls before each line, and at the call's return or exception."""
        if event == "exception":
            self.running = []
        elif event == "return":
            self._finish(frame, argument)
        elif event == "line" and not any(
            # A return is over when the call is: leaving a `with`, Python visits its line again.
            frame.f_lineno in arrow.lines or arrow.target is None
            for arrow in self.running
        ):
            self._finish(frame, None)
            here = (frame.f_code.co_filename, frame.f_lineno)
            self.running = self.watch.by_line.get(here, [])
            for arrow in self.running:
                self._check(arrow, "input", arrow.name, arrow.left, frame)
        return self.step

    def _finish(self, frame, returned) -> None:
        for arrow in self.running:
            if arrow.target is None:
                expected = arrow.right[self.watch.current]
                self.watch.check(arrow, "output", "return", expected, returned)
            else:
                self._check(arrow, "output", arrow.target, arrow.right, frame)
            self.watch.ran[self.watch.current].add(arrow)
        self.running = []

    def _check(self, arrow, side, expression, shapes, frame) -> None:
        try:
            value = eval(expression, frame.f_globals, frame.f_locals)
        except Exception as error:  # to raise in a trace function would end the tracing unseen
            value = error
        self.watch.check(arrow, side, expression, shapes[self.watch.current], value)
