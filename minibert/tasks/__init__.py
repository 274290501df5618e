"""Tasks: examples from files, features for the model, losses, metrics and predictions."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.tasks.tsv import read_text

__all__ = ["read_text"]

__getattr__ = exports(__name__, {"read_text": "minibert.tasks.tsv"})
