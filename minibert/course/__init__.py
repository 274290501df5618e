"""The course: exercises and their grader, the bug museum, and what the chapters are set up with."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.course.checking import check, hint
    from minibert.course.listing import show
    from minibert.course.swap import score_functions, try_functions
    from minibert.course.syllabus import start

__all__ = ["check", "hint", "score_functions", "show", "start", "try_functions"]

__getattr__ = exports(
    __name__,
    {
        "check": "minibert.course.checking",
        "hint": "minibert.course.checking",
        "score_functions": "minibert.course.swap",
        "show": "minibert.course.listing",
        "start": "minibert.course.syllabus",
        "try_functions": "minibert.course.swap",
    },
)
