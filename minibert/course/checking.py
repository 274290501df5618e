"""What `minibert check` does: grade files of a chapter, or give a hint."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from minibert.course.exercise import Exercise
from minibert.course.exercises import exercises_of
from minibert.course.grader import Grader, learners
from minibert.course.process import Limits
from minibert.course.report import Report
from minibert.course.syllabus import chapter_of
from minibert.errors import MinibertError


def check(
    chapter: str,
    paths: Sequence[Path],
    seed: int = 0,
    seconds: float = Limits().seconds,
    megabytes: int = Limits().megabytes,
    jobs: int = 1,
) -> Report:
    """Grade a file, or every file of a class.

    seed: draws what the functions are tried on; seconds, megabytes: what one exercise may take;
    jobs: files graded at the same time. Raises `MinibertError` for what does not exist.
    """
    if seconds <= 0 or megabytes <= 0 or jobs <= 0:
        raise MinibertError("--time-limit, --memory-limit and --jobs must be above 0")
    exercises = exercises_of(chapter)
    files = learners(paths)
    start = time.monotonic()
    grader = Grader(exercises, seed, Limits(seconds, megabytes))
    screen = Console(stderr=True)
    grades = track(
        grader.grade_class(files, jobs),
        "grading",
        total=len(files),
        console=screen,
        transient=True,
        disable=len(files) == 1 or not screen.is_terminal,
    )
    return Report(chapter_of(chapter), tuple(grades), time.monotonic() - start)


def hint(chapter: str, exercise: str) -> str:
    """One more hint for an exercise each time it is asked for; "gelu:2" gives the first two.

    How many have been asked for is kept in the user's cache folder.
    """
    name, _, number = exercise.partition(":")
    hints = _exercise(chapter, name).hints
    if number:
        if not number.isdecimal():
            raise MinibertError(
                f"--hint {exercise}: after the colon stands a number, as in {name}:2"
            )
        asked = int(number)
    else:
        key = f"{chapter_of(chapter).number} {name}"
        given = _given()
        asked = given.get(key, 0) + 1
        _remember({**given, key: min(asked, len(hints))})
    asked = min(asked, len(hints))
    lines = [f"hint {place} of {len(hints)}: {one}" for place, one in enumerate(hints[:asked], 1)]
    if asked == len(hints):
        lines.append("that was the last one")
    return "\n".join(lines)


def _exercise(chapter: str, name: str) -> Exercise:
    exercises = {one.name: one for one in exercises_of(chapter)}
    if name not in exercises:
        raise MinibertError(f"chapter {chapter} has no exercise {name}: {', '.join(exercises)}")
    return exercises[name]


def _file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minibert/hints.json"


def _given() -> dict[str, int]:
    """Hints that were asked for, by chapter and exercise; a file that is damaged counts as none."""
    try:
        given = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): int(count) for key, count in given.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(given: dict[str, int]) -> None:
    _file().parent.mkdir(parents=True, exist_ok=True)
    _file().write_text(json.dumps(given), encoding="utf-8")
