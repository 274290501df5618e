"""Training: the loop, the nouns it speaks of, and what is done with the run it leaves behind."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.training.finetune import fine_tune
    from minibert.training.handing_in import submission, submit
    from minibert.training.machine import doctor
    from minibert.training.reports.compare import compare_runs
    from minibert.training.saved import SavedRun
    from minibert.training.signals import SAVED, Stopped

__all__ = [
    "SAVED",
    "SavedRun",
    "Stopped",
    "compare_runs",
    "doctor",
    "fine_tune",
    "submission",
    "submit",
]

__getattr__ = exports(
    __name__,
    {
        "SAVED": "minibert.training.signals",
        "SavedRun": "minibert.training.saved",
        "Stopped": "minibert.training.signals",
        "compare_runs": "minibert.training.reports.compare",
        "doctor": "minibert.training.machine",
        "fine_tune": "minibert.training.finetune",
        "submission": "minibert.training.handing_in",
        "submit": "minibert.training.handing_in",
    },
)
