"""Filling in the load table: which tensor of a file goes where in a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import torch

from minibert.checkpoint.files import Checkpoint
from minibert.checkpoint.names import Place, is_body, is_core, part_of
from minibert.checkpoint.opening import open_checkpoint
from minibert.checkpoint.table import Action, LoadTable, Row
from minibert.errors import CheckpointError

Shape = tuple[int, ...]

SEGMENTS = "embeddings.segment.weight"
# These have a row for every word piece. NVIDIA's code pads their number to a multiple of 8.
BY_WORD_PIECE = ("embeddings.token.weight", "mlm.bias")
PADDED_TO = 8


def load_table(
    source: str | Path | Checkpoint,
    shapes: Mapping[str, Shape] | None = None,
    new_head: bool = False,
) -> LoadTable:
    """The account of loading `source` into a model that has parameters of these names and shapes.

    Without `shapes` the table shows where each tensor would go in a model that has room for all.
    With `new_head`, the head's tensors are ignored and the head is new.

    Raises `CheckpointError` for a missing tensor of the body, a shape that differs, a head of
    another size (the message names `new_head=True`) or an incomplete one, a tied tensor that
    differs from its twin, and two tensors for one place.
    """
    files = source if isinstance(source, Checkpoint) else open_checkpoint(source)
    account = _Account(files, shapes, new_head)
    rows, twins = [], {}
    for name, entry in files.entries.items():
        place = files.place(name)
        if place.tied:
            twins[name] = place.tied  # looked at once it is known what the others fill
        elif place.ignored:
            rows.append(Row("ignored", name, None, entry.shape, place.ignored))
        elif place.ours:
            rows.append(account.row(name, place, place.ours))
        else:
            rows.append(Row("unknown", name, None, entry.shape, "no tensor of BERT"))
    rows += [account.row_of_twin(name, ours) for name, ours in twins.items()]
    rows += account.rows_without_tensor()
    return LoadTable(tuple(rows), files.entries)


@dataclass
class _Account:
    """What is known while the rows are made."""

    files: Checkpoint
    shapes: Mapping[str, Shape] | None
    new_head: bool
    filled: dict[str, str] = field(default_factory=dict)  # our parameter: the tensor that fills it

    def __post_init__(self) -> None:
        with_head = any(name.startswith("bert.") for name in self.shapes or ())
        self.prefix = "bert." if with_head else ""

    def row(self, name: str, place: Place, ours: str) -> Row:
        """The row of a tensor that has a place of its own."""
        shape = self.files.entries[name].shape
        target = self._target(ours)
        if self.new_head and not is_body(target):
            return Row("ignored", name, None, shape, "the head is replaced by a new one")
        if self.shapes is not None and target not in self.shapes:
            if is_core(target):
                raise self._error(name, "belongs to no layer of this config")
            return Row("ignored", name, None, shape, f"this model has no {part_of(target)}")
        if target in self.filled:
            raise self._error(name, f"fills {target}, which {self.filled[target]} fills too")
        taken: tuple[int, int] | None = None
        note = place.note
        if place.first_row and shape:
            taken = (place.first_row, shape[0])
        elif ours in BY_WORD_PIECE and self._is_padded(shape):
            taken = (0, self.files.config.vocab_size)
            note = f"trimmed to the vocabulary's {taken[1]} rows"
        self._check_shape(name, target, taken, place.transposed)
        self.filled[target] = name
        action: Action = "transposed" if place.transposed else "used"
        return Row(action, name, target, shape, note, taken)

    def row_of_twin(self, name: str, ours: str) -> Row:
        """The row of a tensor that should repeat another one."""
        if (target := self._target(ours)) not in self.filled:  # some files keep only the twin
            return self.row(name, Place(), ours)
        entries, other = self.files.entries, self.filled[target]
        same = entries[name].shape == entries[other].shape
        if not same or not torch.equal(entries[name].read(), entries[other].read()):
            raise self._error(name, f"differs from {other}, to which BERT ties it; no BERT decoder")
        return Row("tied", name, target, entries[name].shape, "the same values")

    def rows_without_tensor(self) -> list[Row]:
        """The rows of parameters that no tensor fills."""
        rows = []
        relative, config = self.files.relative, self.files.config
        if relative and not relative.has_segments:
            self.filled[SEGMENTS] = "nothing"
            size = (config.type_vocab_size, config.hidden_size)
            rows.append(Row("zeros", None, SEGMENTS, size, f"{relative.name} has no segments"))
        reason = "a new head" if self.new_head else "not in the checkpoint"
        for target, shape in (self.shapes or {}).items():
            if target not in self.filled:
                self._check_may_be_new(target, shape)
                rows.append(Row("new", None, target, shape, reason))
        return rows

    def _target(self, ours: str) -> str:
        return self.prefix + ours if is_body(ours) else ours

    def _is_padded(self, shape: Shape) -> bool:
        pieces = self.files.config.vocab_size
        return shape[:1] == (ceil(pieces / PADDED_TO) * PADDED_TO,) != (pieces,)

    def _check_shape(
        self, name: str, target: str, taken: tuple[int, int] | None, transposed: bool
    ) -> None:
        if self.shapes is None:
            return
        wanted, shape = tuple(self.shapes[target]), self.files.entries[name].shape
        fitted = (taken[1] - taken[0], *shape[1:]) if taken else shape
        if fitted == (wanted[::-1] if transposed else wanted):
            return
        advice = "the config and the weights do not belong together"
        if not is_body(target):
            advice = "new_head=True (--new-head) replaces the head by a fresh one"
        raise self._error(name, f"has shape {shape}, but {target} has {wanted}; {advice}")

    def _check_may_be_new(self, target: str, shape: Shape) -> None:
        """The core may not; nor may a module's weight where its bias is filled, and vice versa."""
        if is_core(target):
            raise CheckpointError(
                f"{self.files.directory}: no tensor for {target} {shape}; is this a BERT of "
                f"{self.files.config.num_hidden_layers} layers, as its config says?"
            )
        module = target.rpartition(".")[0]
        siblings = [other for other in self.filled if other.rpartition(".")[0] == module]
        if siblings:
            raise CheckpointError(
                f"{self.files.directory}: {siblings[0]} is there, but {target} is missing: the "
                "file is incomplete (new_head=True, or --new-head, starts the head afresh)"
            )

    def _error(self, name: str, what: str) -> CheckpointError:
        file = self.files.directory / self.files.entries[name].file
        return CheckpointError(f"{file}: tensor {name} {what}")
