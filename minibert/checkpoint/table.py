"""The load table: an account of every tensor, in which nothing may be left over.

Every tensor of the file is used, tied to another one, or ignored with a reason; every parameter of
the model is filled, or named as newly initialised. `print(table)` shows it row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from minibert.checkpoint.files import Checkpoint, Entry, own_copy
from minibert.checkpoint.names import Place, is_body
from minibert.checkpoint.opening import open_checkpoint
from minibert.errors import CheckpointError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Row:
    """One line of the account."""

    action: str  # "used", "transposed" (and used), "tied", "ignored", "unknown" or "new"
    source: str | None  # the tensor's name in the file; None for a new parameter
    target: str | None  # the parameter's name in our model; None where it goes nowhere
    shape: tuple[int, ...]  # in the file
    reason: str = ""

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

    def count(self, action: str) -> int:
        """How many rows have this action."""
        return sum(row.action == action for row in self.rows)

    def tensors(self) -> dict[str, Tensor]:
        """{our name: float32 tensor} of all tensors used, read now."""
        read = {}
        for row in self.rows:
            if row.fills and row.source and row.target:
                tensor = self.entries[row.source].read()
                read[row.target] = own_copy(tensor.T if row.action == "transposed" else tensor)
        return read

    def summary(self) -> str:
        """One line: how many of each, and the names of what is new or unknown."""
        transposed = self.count("transposed")
        parts = [f"{self.count('used') + transposed} tensors used"]
        if transposed:
            parts[0] += f", {transposed} of them transposed"
        for action, words in (("tied", "tied"), ("ignored", "ignored")):
            if self.count(action):
                parts.append(f"{self.count(action)} {words}")
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


def load_table(
    source: str | Path | Checkpoint, shapes: Shapes | None = None, new_head: bool = False
) -> LoadTable:
    """The account of loading `source` into a model that has parameters of these names and shapes.

    Without `shapes` the table shows where each tensor would go in a model that has room for all.
    With `new_head`, the head's tensors are ignored and the head is new.

    Raises `CheckpointError` for a missing tensor of the body, a shape that differs, a head of
    another size (the message names `new_head=True`) or an incomplete one, a tied tensor that
    differs from its twin, and two tensors for one place.
    """
    files = source if isinstance(source, Checkpoint) else open_checkpoint(source)
    rows: list[Row] = []
    filled: dict[str, str] = {}
    ties: list[tuple[str, str]] = []
    prefix = "bert." if shapes and any(name.startswith("bert.") for name in shapes) else ""

    for name, entry in files.entries.items():
        where = files.place(name)
        if where.ignored:
            rows.append(Row("ignored", name, None, entry.shape, where.ignored))
        elif where.tied:
            ties.append((name, prefix + where.tied if is_body(where.tied) else where.tied))
        elif where.ours is None:
            rows.append(Row("unknown", name, None, entry.shape, "no tensor of BERT"))
        else:
            in_body = is_body(where.ours) or where.ours.startswith("pooler.")
            target = prefix + where.ours if in_body else where.ours
            rows.append(_row(files, name, target, shapes, new_head and not in_body, where))
            if rows[-1].fills:
                if target in filled:
                    raise _error(files, name, f"fills {target}, which {filled[target]} fills too")
                filled[target] = name
    for name, target in ties:
        rows.append(_tied_row(files, name, target, shapes, filled, new_head))

    for name, shape in (shapes or {}).items():
        if name in filled:
            continue
        if is_body(name):
            raise CheckpointError(
                f"{files.directory}: no tensor for {name} {shape}; is this a BERT of "
                f"{files.config.num_hidden_layers} layers, as its config says?"
            )
        module = name.rpartition(".")[0]
        siblings = [other for other in filled if other.rpartition(".")[0] == module]
        if siblings:
            raise CheckpointError(
                f"{files.directory}: {siblings[0]} is there, but {name} is missing: the file is "
                "incomplete (new_head=True, or --new-head, starts the head afresh)"
            )
        reason = "a new head" if new_head else "not in the checkpoint"
        rows.append(Row("new", None, name, shape, reason))
    return LoadTable(tuple(rows), files.entries)


def _row(
    files: Checkpoint, name: str, target: str, shapes: Shapes | None, replaced: bool, where: Place
) -> Row:
    shape = files.entries[name].shape
    action = "transposed" if where.transposed else "used"
    if replaced:
        return Row("ignored", name, None, shape, "the head is replaced by a new one")
    if shapes is None:
        return Row(action, name, target, shape, where.note)
    if target not in shapes:
        if is_body(target):
            raise _error(files, name, "belongs to no layer of this config")
        part = target.removeprefix("bert.").partition(".")[0]
        return Row("ignored", name, None, shape, f"this model has no {part}")
    if shape != (shapes[target][::-1] if where.transposed else shapes[target]):
        advice = "the config and the weights do not belong together"
        if not is_body(target):
            advice = "new_head=True (--new-head) replaces the head by a fresh one"
        raise _error(
            files, name, f"has shape {shape}, but {target} has {tuple(shapes[target])}; {advice}"
        )
    return Row(action, name, target, shape, where.note)


def _tied_row(
    files: Checkpoint,
    name: str,
    target: str,
    shapes: Shapes | None,
    filled: dict[str, str],
    new_head: bool,
) -> Row:
    if target not in filled:  # some files keep only the twin
        row = _row(files, name, target, shapes, new_head and not is_body(target), Place())
        if row.fills:
            filled[target] = name
        return row
    entry, twin = files.entries[name], files.entries[filled[target]]
    if entry.shape != twin.shape or not torch.equal(entry.read(), twin.read()):
        raise _error(
            files, name, f"differs from {filled[target]}, to which BERT ties it; not a BERT decoder"
        )
    return Row("tied", name, target, entry.shape, "the same values")


def _error(files: Checkpoint, name: str, what: str) -> CheckpointError:
    return CheckpointError(f"{files.directory / files.entries[name].file}: tensor {name} {what}")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if shape else "scalar"


def _listed(names: list[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"
