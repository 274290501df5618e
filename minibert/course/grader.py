"""Grade learners' files: every exercise of a chapter, for one learner or for a class.

Probes, expected values and the comparison stay in this process. Whatever a file does becomes a
failed exercise with a line that says why.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from minibert.course.comparison import Failure
from minibert.course.exercise import Exercise
from minibert.course.judging import Diagnosis, Judge
from minibert.course.process import Answer, Limits, answer
from minibert.course.values import clean
from minibert.errors import MinibertError

LONGEST_FILE = 2**20  # bytes
GIVE = "give your file after the chapter's number, as in: minibert check 03 my_03.py"
USUAL = Limits()


class Mark(NamedTuple):
    """What one exercise of one learner is worth."""

    exercise: Exercise
    failure: Failure | None = None  # the first that was found; None: the answer is right
    failed: int = 0  # calls with a wrong outcome
    calls: int = 0
    diagnosis: Diagnosis = Diagnosis()

    @property
    def points(self) -> int:
        """All of the exercise's points, or none."""
        return 0 if self.failure else self.exercise.points


class Grade(NamedTuple):
    """All marks of one learner."""

    learner: str
    marks: tuple[Mark, ...]
    failure: Failure | None = None  # of the file as a whole; its marks have it as well

    @property
    def points(self) -> int:
        """The points that were earned."""
        return sum(mark.points for mark in self.marks)

    @property
    def possible(self) -> int:
        """The points that could be earned."""
        return sum(mark.exercise.points for mark in self.marks)

    @property
    def passed(self) -> bool:
        """Whether every exercise is right."""
        return not any(mark.failure for mark in self.marks)


class Grader:
    """Grades files on the probes of one seed."""

    def __init__(self, exercises: Sequence[Exercise], seed: int = 0, limits: Limits = USUAL):
        self.limits = limits
        self.judges = [Judge(exercise, seed) for exercise in exercises]
        self._diagnosis = Lock()  # the mistakes run in this process, with torch's one random state

    def grade(self, file: Path, learner: str = "") -> Grade:
        """Grade one file; `learner` is its name in the report, else the file's own."""
        learner = clean(learner or file.name)
        text = read(file)
        if isinstance(text, Failure):
            return Grade(learner, tuple(Mark(one.exercise, text) for one in self.judges), text)
        marks: list[Mark] = []
        fatal: Answer | None = None
        for judge in self.judges:
            given = fatal or answer(
                text, clean(file.name), judge.exercise, judge.probes, judge.seed, self.limits
            )
            mark = self._mark(judge, given)
            marks.append(mark)
            ready_made = mark.failure and mark.failure.kind == "ready-made function used"
            if not given.loaded and not ready_made:
                fatal = given  # the file would fail in the same way for every other exercise
        return Grade(learner, tuple(marks), fatal and fatal.failure)

    def grade_class(self, files: dict[str, Path], jobs: int = 1) -> Iterator[Grade]:
        """Grade a file for each learner, `jobs` of them at the same time, in their order."""
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(self.grade, files.values(), files)

    def _mark(self, judge: Judge, given: Answer) -> Mark:
        if given.failure is not None:
            return Mark(judge.exercise, given.failure)
        failures = judge.failures(given.outcomes)
        if not failures:
            return Mark(judge.exercise, calls=len(judge.probes))
        with self._diagnosis:
            diagnosis = judge.diagnose(given.outcomes)
        return Mark(judge.exercise, failures[0], len(failures), len(judge.probes), diagnosis)


def read(file: Path) -> str | Failure:
    """The text of a learner's file, or what is wrong with it."""
    try:
        if not file.is_file():
            return Failure("not readable", "this is no file")
        if file.stat().st_size > LONGEST_FILE:
            return Failure("not readable", f"the file is larger than {LONGEST_FILE // 2**10} KiB")
        content = file.read_bytes()
    except OSError as error:
        return Failure("not readable", f"the file cannot be read: {error.strerror}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return Failure(
            "not UTF-8", f"line {line} has the byte {byte:#04x}: save the file as UTF-8 text"
        )


def learners(paths: Sequence[Path]) -> dict[str, Path]:
    """{learner: file} of files and folders: the shortest names that tell them apart.

    Every file of a folder counts, whatever it is called, but for hidden ones and Python's caches:
    one that is no Python file gets a failed row rather than none. Raises `MinibertError`.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if not one.is_dir())
            files += [one for one in inside if not _hidden(one.relative_to(path))]
        elif path.exists():
            files.append(path)
        else:
            raise MinibertError(f"{path}: there is no such file or folder")
    files = list(dict.fromkeys(files))
    if not files:
        raise MinibertError(f"no files in {', '.join(map(str, paths))}" if paths else GIVE)
    for parts in range(1, max(len(file.parts) for file in files) + 1):
        names = ["/".join(file.parts[-parts:]) for file in files]
        if len(set(names)) == len(files):
            break
    return dict(zip(names, files, strict=True))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
