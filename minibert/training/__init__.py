"""Training: the loop, the nouns it speaks of, and what is done with the run it leaves behind."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.training.finetune import finetune_glue
    from minibert.training.machine import doctor
    from minibert.training.saved import SavedRun

__all__ = ["SavedRun", "doctor", "finetune_glue"]

__getattr__ = exports(
    __name__,
    {
        "SavedRun": "minibert.training.saved",
        "doctor": "minibert.training.machine",
        "finetune_glue": "minibert.training.finetune",
    },
)
