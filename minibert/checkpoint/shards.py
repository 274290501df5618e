"""Weights split over several files: the index that says which tensor lies where.

The hub reads it to know what to fetch, the reader to know what to open.
"""

from pathlib import Path

from minibert.checkpoint.json_files import read_json
from minibert.errors import CheckpointError


def shards_of(index: Path) -> dict[str, str]:
    """{tensor: file} of an index file; no file may lie outside the index's directory."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f'{index}: has no "weight_map" of tensors to files')
    for name, file in weight_map.items():
        if not isinstance(file, str) or Path(file).name != file or file in ("", ".", ".."):
            raise CheckpointError(f"{index}: tensor {name} lies in {file!r}, no plain file name")
    return weight_map
