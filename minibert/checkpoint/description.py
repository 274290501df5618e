"""A checkpoint in words and numbers: what it is, how big, and where each tensor goes."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from minibert.checkpoint.account import load_table
from minibert.checkpoint.checksum import how_computed
from minibert.checkpoint.files import Checkpoint
from minibert.checkpoint.names import PARTS, part_of
from minibert.checkpoint.opening import open_checkpoint
from minibert.checkpoint.table import LoadTable


@dataclass(frozen=True)
class Description:
    """What `minibert inspect` shows; `print` gives it in lines, `as_json` for programs."""

    checkpoint: Checkpoint
    table: LoadTable  # for a model that has room for all
    parameters: dict[str, int]  # by part: "embeddings", "encoder", "pooler", ...
    lacking: tuple[str, ...]  # parts that a model may have and the checkpoint has not
    files: dict[str, tuple[int, str] | None]  # weights and index: bytes, SHA-256; None: missing

    @property
    def dtypes(self) -> Counter[str]:
        """How many tensors are of which type, as the file calls it."""
        return Counter(entry.dtype for entry in self.checkpoint.entries.values())

    def __str__(self) -> str:
        found, config = self.checkpoint, self.checkpoint.config
        family = f"{found.relative.name}, its body as BERT's" if found.relative else "BERT"
        types = ", ".join(f"{count} {name}" for name, count in self.dtypes.items())
        lines = [
            f"directory     {found.directory}",
            *(
                f"file          {name}, {there[0]:,} bytes\n  sha256      {there[1]}"
                if there
                else f"file          {name}, missing"
                for name, there in self.files.items()
            ),
            f"format        {found.format}, {len(found.entries)} tensors ({types})",
            f"architecture  {found.architecture or 'not said'} ({family})",
            f"config        {config.num_hidden_layers} layers, width {config.hidden_size}, "
            f"{config.num_attention_heads} heads of {config.head_width}, feed-forward "
            f"{config.intermediate_size}, vocabulary {config.vocab_size}, "
            f"{config.max_position_embeddings} positions, {config.hidden_act}",
        ]
        if found.format == "tensorflow":
            lines.append(f"checksums     {how_computed()}")
        if found.label_names:
            lines.append(f"labels        {', '.join(found.label_names)}")
        lines.append(f"parameters    {sum(self.parameters.values()):,}")
        lines += [f"  {part:12}{count:>12,}" for part, count in self.parameters.items()]
        if self.lacking:
            lines.append(f"lacking       {', '.join(self.lacking)}: fresh in a model that has them")
        return "\n".join([*lines, "", str(self.table)])

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        found = self.checkpoint
        return {
            "directory": str(found.directory),
            "format": found.format,
            "family": found.relative.name if found.relative else "BERT",
            "architecture": found.architecture,
            "config": asdict(found.config),
            "label_names": found.label_names,
            "files": {
                name: there and {"bytes": there[0], "sha256": there[1]}
                for name, there in self.files.items()
            },
            "tensors": len(found.entries),
            "dtypes": self.dtypes,
            "parameters": {"total": sum(self.parameters.values()), **self.parameters},
            "newly_initialised": self.lacking,
            "table": [asdict(row) for row in self.table.rows],
        }


def describe(source: str | Path, verify: bool = True) -> Description:
    """What `source` is (as in `open_checkpoint`). The weights' files are read for their SHA-256."""
    found = open_checkpoint(source, verify)
    table = load_table(found)
    parameters: Counter[str] = Counter()
    for row in table.rows:
        if row.fills and row.target:
            rows = row.shape[:1] if row.taken is None else (row.taken[1] - row.taken[0],)
            parameters[part_of(row.target)] += prod((*rows, *row.shape[1:]))
    possible = PARTS if found.relative is None else ("pooler",) * found.relative.has_pooler
    lacking = tuple(part for part in possible if part not in parameters)
    names = {entry.file for entry in found.entries.values()}
    names |= {path.name for path in found.directory.glob("*.index*")}
    files = {name: _size_and_digest(found.directory / name) for name in sorted(names)}
    return Description(found, table, dict(parameters), lacking, files)


def _size_and_digest(path: Path) -> tuple[int, str] | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
