"""JSON from files that anyone may have written: limited in length and depth, and unambiguous."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from minibert.errors import CheckpointError

LONGEST_JSON = 4 << 20  # bytes: room for 50,000 labels by name and number, or 30,000 tensors
DEEPEST_JSON = 64  # arrays and objects in each other: configs have 4, and the parser recurses


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds. Raises `CheckpointError` if it holds none."""
    try:
        with path.open("rb") as file:
            content = parse_json(file.read(LONGEST_JSON + 1))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def parse_json(octets: bytes) -> Any:
    """What a JSON text says. Raises `ValueError` if it is none, or too long or too deep.

    Objects in which a name stands twice are refused: programs differ in which one counts.
    """
    if len(octets) > LONGEST_JSON:
        raise ValueError(f"longer than {LONGEST_JSON:,} bytes")
    text = octets.decode("utf-8")
    _check_depth(text)
    return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)


def _check_depth(text: str) -> None:
    """Raises `ValueError` where arrays and objects lie too deep in each other."""
    steps = {"[": 1, "{": 1, "]": -1, "}": -1}
    depth = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*+"?|[][{}]', text, re.DOTALL):  # strings, brackets
        depth += steps.get(found[0], 0)
        if depth > DEEPEST_JSON:
            raise ValueError(f"arrays and objects in each other, more than {DEEPEST_JSON} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]!r} stands there twice")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")
