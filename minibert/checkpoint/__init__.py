"""Checkpoints: files on disk to tensors under our names, and back.

`sources` finds the files, `huggingface` reads and writes them, `names` knows both vocabularies, and
`table` accounts for every tensor. Nothing here knows a module: a model hands in names and shapes.
"""

from minibert.checkpoint.files import Checkpoint
from minibert.checkpoint.huggingface import open_checkpoint, write_huggingface
from minibert.checkpoint.sources import find
from minibert.checkpoint.table import LoadTable, load_table

__all__ = [
    "Checkpoint",
    "LoadTable",
    "find",
    "load_table",
    "open_checkpoint",
    "write_huggingface",
]
