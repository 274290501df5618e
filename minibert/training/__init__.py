"""Training: the loop, the nouns it speaks of, and what is done with the run it leaves behind."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.training.compare import compare_runs
    from minibert.training.finetune import finetune_glue
    from minibert.training.machine import doctor
    from minibert.training.saved import SavedRun

__all__ = ["SavedRun", "compare_runs", "doctor", "finetune_glue"]

__getattr__ = exports(
    __name__,
    {
        "SavedRun": "minibert.training.saved",
        "compare_runs": "minibert.training.compare",
        "doctor": "minibert.training.machine",
        "finetune_glue": "minibert.training.finetune",
    },
)
