"""Training: the loop, the nouns it speaks of, and what is done with the run it leaves behind."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.training.finetune import fine_tune
    from minibert.training.machine import doctor
    from minibert.training.saved import SavedRun, submission

__all__ = ["SavedRun", "doctor", "fine_tune", "submission"]

__getattr__ = exports(
    __name__,
    {
        "SavedRun": "minibert.training.saved",
        "doctor": "minibert.training.machine",
        "fine_tune": "minibert.training.finetune",
        "submission": "minibert.training.saved",
    },
)
