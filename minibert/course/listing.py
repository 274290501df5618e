"""Show the library's own code in a notebook, so that a chapter never holds a second copy of it."""

import inspect
from pathlib import Path
from typing import Any

import minibert

PACKAGE = Path(minibert.__file__).parent


class Code:
    """Source text that a notebook shows in colour, with the file and line it was read from."""

    def __init__(self, text: str, file: Path, line: int):
        self.text = text
        self.place = file.relative_to(PACKAGE.parent).as_posix()
        self.line = line

    def __repr__(self) -> str:
        return f"# {self.place}, line {self.line}\n{self.text}"

    def _repr_markdown_(self) -> str:
        link = f"[`{self.place}`](../{self.place}#L{self.line})"
        return f"{link}, line {self.line}:\n```python\n{self.text}\n```"


def show(thing: Any) -> Code:
    """The source of a function, class or method of minibert, to be the last line of a cell."""
    thing = inspect.unwrap(thing)
    lines, first = inspect.getsourcelines(thing)
    file = inspect.getsourcefile(thing)
    assert file is not None
    return Code(
        inspect.cleandoc("".join(lines)) if lines[0][0] == " " else "".join(lines).rstrip(),
        Path(file),
        first,
    )
