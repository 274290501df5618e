"""Show the library's own code in a notebook, so that a chapter never holds a second copy of it."""

import ast
import difflib
import inspect
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parent.parent.parent  # of the project, or what the package lies in


class Code:
    """Source text that a notebook shows in colour, with a link to the file it was read from."""

    def __init__(self, text: str, file: Path, language: str = "python"):
        self.text = text
        self.place = file.relative_to(ROOT).as_posix()
        self.language = language

    def __repr__(self) -> str:
        return f"# {self.place}\n{self.text}"

    def _repr_markdown_(self) -> str:
        return f"[`{self.place}`](../{self.place}):\n```{self.language}\n{self.text}\n```"


def show(thing: Any, since: Any = None) -> Code:
    """The source of a function, class or method of minibert, to be the last line of a cell.

    thing: it, or its full name, under which its file is read and not imported: for kernels, that
    need Triton. since: what it has grown from; then lines that are new are marked with +, those
    that have gone with -, and docstrings are left out.
    """
    text, file = _source(thing)
    if since is None:
        return Code(text, file)
    before, after = (_without_docstring(one).splitlines() for one in (_source(since)[0], text))
    everything = len(before) + len(after)
    lines = list(difflib.unified_diff(before, after, n=everything, lineterm=""))
    return Code("\n".join(lines[3:]), file, "diff")  # the first three tell `patch` where it goes


def _source(thing: Any) -> tuple[str, Path]:
    if isinstance(thing, str):
        return _source_by_name(thing)
    thing = inspect.unwrap(thing)
    file = inspect.getsourcefile(thing)
    assert file is not None
    return dedent(inspect.getsource(thing)).rstrip(), Path(file)


def _source_by_name(full_name: str) -> tuple[str, Path]:
    module, _, name = full_name.rpartition(".")
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    (node,) = (
        one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and one.name == name
    )
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno]), Path(spec.origin)


def _without_docstring(text: str) -> str:
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    lines = text.splitlines()
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines)
