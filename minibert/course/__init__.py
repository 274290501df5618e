"""The course: exercises and their grader, the bug museum, and what the chapters are set up with."""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.course.checking import check, hint
    from minibert.course.listing import show
    from minibert.course.syllabus import start

__all__ = ["check", "hint", "show", "start"]

__getattr__ = exports(
    __name__,
    {
        "check": "minibert.course.checking",
        "hint": "minibert.course.checking",
        "show": "minibert.course.listing",
        "start": "minibert.course.syllabus",
    },
)
