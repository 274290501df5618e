"""Looking inside: reads the stages of a model and changes nothing."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.lens.parity import compare
    from minibert.lens.words import fill_mask, next_sentence

__all__ = ["compare", "fill_mask", "next_sentence"]

__getattr__ = exports(
    __name__,
    {
        "compare": "minibert.lens.parity",
        "fill_mask": "minibert.lens.words",
        "next_sentence": "minibert.lens.words",
    },
)
