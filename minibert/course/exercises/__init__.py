"""The exercises, a module for each chapter; `exercises_of("03")` finds them."""

import pkgutil
from dataclasses import replace
from functools import cache

from minibert.course import museum
from minibert.course.exercise import Exercise, Mistake
from minibert.course.syllabus import chapter_of
from minibert.errors import MinibertError


def exercises_of(number: str | int) -> tuple[Exercise, ...]:
    """The exercises of a chapter, in order, each with its mistakes of the museum.

    Only the chapter's own modules are imported, such as `exercises.c03_attention` and
    `museum.c03_attention`. Raises `MinibertError` if there is no such chapter, or if it has no
    exercises.
    """
    chapter = chapter_of(number)
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith(f"c{chapter.number}_"):
            return _with_mistakes(module.name)
    raise MinibertError(f"chapter {chapter.number}, {chapter.title}, has no exercises")


@cache
def _with_mistakes(module: str) -> tuple[Exercise, ...]:
    exercises: tuple[Exercise, ...] = pkgutil.resolve_name(f"{__name__}.{module}:EXERCISES")
    mistakes: dict[str, tuple[Mistake, ...]] = pkgutil.resolve_name(
        f"{museum.__name__}.{module}:MISTAKES"
    )
    return tuple(replace(one, mistakes=mistakes[one.name]) for one in exercises)
