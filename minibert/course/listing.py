"""Show the library's own code in a notebook, so that a chapter never holds a second copy of it."""

import inspect
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parent.parent.parent  # of the project, or what the package lies in


class Code:
    """Source text that a notebook shows in colour, with a link to the file it was read from."""

    def __init__(self, text: str, file: Path):
        self.text = text
        self.place = file.relative_to(ROOT).as_posix()

    def __repr__(self) -> str:
        return f"# {self.place}\n{self.text}"

    def _repr_markdown_(self) -> str:
        return f"[`{self.place}`](../{self.place}):\n```python\n{self.text}\n```"


def show(thing: Any) -> Code:
    """The source of a function, class or method of minibert, to be the last line of a cell."""
    thing = inspect.unwrap(thing)
    file = inspect.getsourcefile(thing)
    assert file is not None
    return Code(dedent(inspect.getsource(thing)).rstrip(), Path(file))
