"""Checkpoints: files on disk to tensors under our names, and back.

`sources` finds the files and `opening` chooses their reader: `huggingface`, or `tensorflow` with
`leveldb`, `protobuf` and `checksum` below it. `names` knows all vocabularies, and `table` accounts
for every tensor. Nothing here knows a module: a model hands in names and shapes.
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.checkpoint.description import describe
    from minibert.checkpoint.files import Checkpoint
    from minibert.checkpoint.huggingface import write_huggingface
    from minibert.checkpoint.opening import open_checkpoint
    from minibert.checkpoint.sources import find
    from minibert.checkpoint.table import LoadTable, load_table

__all__ = [
    "Checkpoint",
    "LoadTable",
    "describe",
    "find",
    "load_table",
    "open_checkpoint",
    "write_huggingface",
]

__getattr__ = exports(
    __name__,
    {
        "Checkpoint": "minibert.checkpoint.files",
        "LoadTable": "minibert.checkpoint.table",
        "describe": "minibert.checkpoint.description",
        "find": "minibert.checkpoint.sources",
        "load_table": "minibert.checkpoint.table",
        "open_checkpoint": "minibert.checkpoint.opening",
        "write_huggingface": "minibert.checkpoint.huggingface",
    },
)
