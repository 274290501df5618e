"""The load table: an account of every tensor, in which nothing may be left over.

Every tensor of the file is used, tied to another one, or ignored with a reason; every parameter of
the model is filled, or named as newly initialised. `print(table)` shows it row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from minibert.checkpoint.files import Entry

Action = Literal["used", "transposed", "tied", "ignored", "unknown", "zeros", "new"]
WORDS: dict[Action, str] = {"tied": "tied", "zeros": "filled with zeros", "ignored": "ignored"}


@dataclass(frozen=True)
class Row:
    """One line of the account."""

    action: Action  # "transposed": and used
    source: str | None  # the tensor's name in the file; None for "zeros" and "new"
    target: str | None  # the parameter's name in our model; None where it goes nowhere
    shape: tuple[int, ...]  # in the file
    reason: str = ""
    taken: tuple[int, int] | None = None  # these of its rows, from and before; None: the whole

    @property
    def fills(self) -> bool:
        """Whether the parameter's values are this tensor's."""
        return self.action in ("used", "transposed")


@dataclass(frozen=True)
class LoadTable:
    """What became of every tensor of a checkpoint, and where every parameter comes from."""

    rows: tuple[Row, ...]
    entries: Mapping[str, Entry]

    @property
    def new(self) -> list[str]:
        """Parameters that the checkpoint does not fill."""
        return [row.target for row in self.rows if row.action == "new" and row.target]

    def count(self, action: Action) -> int:
        """How many rows have this action."""
        return sum(row.action == action for row in self.rows)

    def tensors(self) -> dict[str, Tensor]:
        """{our name: float32 tensor} of all tensors used, read now.

        Each has memory of its own, row by row: the file may then change or go, and what the model
        computes does not hang on where in the file a tensor lies (to the last bit it would).
        """
        read = {}
        for row in self.rows:
            if row.fills and row.source and row.target:
                tensor = self.entries[row.source].read()
                if row.taken:
                    tensor = tensor[slice(*row.taken)]
                tensor = tensor.T if row.action == "transposed" else tensor
                read[row.target] = tensor.to(
                    torch.float32, copy=True, memory_format=torch.contiguous_format
                )
            elif row.action == "zeros" and row.target:
                read[row.target] = torch.zeros(row.shape)
        return read

    def summary(self) -> str:
        """One line: how many of each, and the names of what is new or unknown."""
        transposed = self.count("transposed")
        parts = [f"{self.count('used') + transposed} tensors used"]
        if transposed:
            parts[0] += f", {transposed} of them transposed"
        for action, words in WORDS.items():
            if count := self.count(action):
                parts.append(f"{count} {words}")
        unknown = [row.source for row in self.rows if row.action == "unknown" and row.source]
        if unknown:
            parts.append(f"{len(unknown)} unknown and left out: {_listed(unknown)}")
        if self.new:
            parts.append(f"{len(self.new)} newly initialised: {_listed(self.new)}")
        return "; ".join(parts)

    def __str__(self) -> str:
        cells = [("in the file", "shape", "", "in the model")]
        for row in self.rows:
            action = f"{row.action}: {row.reason}" if row.reason else row.action
            cells.append((row.source or "-", _shape(row.shape), action, row.target or "-"))
        width = [max(len(row[column]) for row in cells) for column in (0, 1, 3)]
        lines = [
            f"{a:{width[0]}}  {b:>{width[1]}}  {d:{width[2]}}  {c}".rstrip() for a, b, c, d in cells
        ]
        return "\n".join([*lines, self.summary()])


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if shape else "scalar"


def _listed(names: list[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"
