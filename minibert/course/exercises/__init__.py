"""The exercises, a module for each chapter; `exercises_of("03")` finds them."""

import pkgutil

from minibert.course.exercise import Exercise
from minibert.course.syllabus import chapter_of
from minibert.errors import MinibertError


def exercises_of(number: str | int) -> tuple[Exercise, ...]:
    """The exercises of a chapter, in order; only its module is imported, such as `c03_attention`.

    Raises `MinibertError` if there is no such chapter, or if it has no exercises.
    """
    chapter = chapter_of(number)
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith(f"c{chapter.number}_"):
            exercises: tuple[Exercise, ...] = pkgutil.resolve_name(
                f"{__name__}.{module.name}:EXERCISES"
            )
            return exercises
    raise MinibertError(f"chapter {chapter.number}, {chapter.title}, has no exercises")
