"""Checkpoints: files on disk to tensors under our names, and back.

`sources` finds the files and `opening` chooses their reader: `huggingface`, or `tensorflow` with
`leveldb`, `protobuf` and `checksum` below it. `names` and `relatives` know what others call a
tensor, `account` finds every tensor its place, and `table` shows it. `writing` is the way back.
Nothing here knows a module: a model hands in names and shapes.
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.checkpoint.account import load_table
    from minibert.checkpoint.description import describe
    from minibert.checkpoint.files import Checkpoint
    from minibert.checkpoint.opening import open_checkpoint
    from minibert.checkpoint.sources import find
    from minibert.checkpoint.table import LoadTable
    from minibert.checkpoint.writing import DTYPES, FORMATS, write_model

__all__ = [
    "DTYPES",
    "FORMATS",
    "Checkpoint",
    "LoadTable",
    "describe",
    "find",
    "load_table",
    "open_checkpoint",
    "write_model",
]

__getattr__ = exports(
    __name__,
    {
        "Checkpoint": "minibert.checkpoint.files",
        "LoadTable": "minibert.checkpoint.table",
        "describe": "minibert.checkpoint.description",
        "find": "minibert.checkpoint.sources",
        "load_table": "minibert.checkpoint.account",
        "open_checkpoint": "minibert.checkpoint.opening",
        "DTYPES": "minibert.checkpoint.writing",
        "FORMATS": "minibert.checkpoint.writing",
        "write_model": "minibert.checkpoint.writing",
    },
)
