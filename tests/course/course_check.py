"""Is the course able to grade? Run it with `make course-check`, or for some chapters only:

    python -m tests.course.course_check 03 04

For every chapter: the solutions pass, through the learners' own grader; the empty stubs fail; right
answers in other styles pass; every mistake of the museum fails, and no two give the same on all
probes. Then the wrong solutions of `held_out/`, written by somebody who had not seen the museum:
how many are told their true cause. Ends with 1 if anything is broken.
"""

import importlib.util
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from minibert.course.exercise import Exercise
from minibert.course.exercises import exercises_of
from minibert.course.judging import Judge
from minibert.course.syllabus import CHAPTERS
from minibert.errors import MinibertError

HERE = Path(__file__).parent
TUTORIALS = HERE.parent.parent / "tutorials"
SEEDS = (0, 1)
NAMED_AT_LEAST = 0.8  # of the held-out wrong solutions


class Held(NamedTuple):
    """What a held-out wrong solution was told."""

    exercise: str
    means: str  # a mistake's name, or "none"
    told: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if not self.told:
            return "unnamed"
        if self.means not in self.told:
            return "wrong"
        return "right" if len(self.told) == 1 else "tie"


def load(file: Path) -> dict[str, Any]:
    """The names of a trusted Python file, run in this process."""
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def faults_of_museum(judge: Judge) -> list[str]:
    """Mistakes that pass, and pairs that no probe tells apart."""
    name = judge.exercise.name
    alive = [
        f"{name}: the mistake {mistake.name} passes all probes (seed {judge.seed})"
        for mistake, outcomes in judge.mistaken
        if not judge.failures(outcomes)
    ]
    twins = [
        f"{name}: {one.name} and {other.name} give the same on all probes (seed {judge.seed})"
        for (one, ours), (other, theirs) in combinations(judge.mistaken, 2)
        if judge.alike(ours, theirs)
    ]
    return alive + twins


def faults_of_style(file: Path, judges: list[Judge]) -> list[str]:
    """What the checks find wrong in a right answer."""
    try:
        found = load(file)
    except Exception as error:
        return [f"{file.parent.name}/{file.name}: {type(error).__name__}: {error}"]
    faults = []
    for judge in judges:
        exercise = judge.exercise
        where = f"{file.parent.name}/{file.name}: {exercise.name}"
        if exercise.name not in found:
            faults.append(f"{where}: not written")
            continue
        outcomes = judge.outcomes(found[exercise.name], exercise.forbidden)
        faults += [
            f"{where} ({failure.probe}): {failure.kind}: {failure.message}"
            for failure in judge.failures(outcomes)
        ]
    return faults


def faults_of_declaration(exercises: tuple[Exercise, ...]) -> list[str]:
    """Hints that are missing, points that are none, names of operators and functions that are not."""
    return [
        f"{exercise.name}: {fault}"
        for exercise in exercises
        for fault, bad in (
            ("two or three hints, please", not 2 <= len(exercise.hints) <= 3),
            ("no points", exercise.points < 1),
            ("no page", not exercise.page),
            ("no probes in float64 or otherwise", not exercise.probes),
        )
        if bad
    ]


def main(numbers: list[str]) -> int:
    broken = []
    totals = Counter()
    seen = {}
    for chapter in CHAPTERS:
        if numbers and chapter.number not in numbers:
            continue
        try:
            exercises = exercises_of(chapter.number)
        except MinibertError as error:
            print(f"{chapter.number}  {error}")
            continue
        faults = faults_of_declaration(exercises)
        for seed in SEEDS:
            judges = [Judge(exercise, seed) for exercise in exercises]
            for judge in judges:
                faults += faults_of_museum(judge)
            for file in sorted((HERE / "styles" / chapter.number).glob("*.py")):
                faults += faults_of_style(file, judges)
            file = TUTORIALS / "solutions" / f"{chapter.number}.py"
            if file.exists():
                faults += faults_of_style(file, judges)
        mistakes = [one.name for exercise in exercises for one in exercise.mistakes]
        for name in mistakes:
            if name in seen:
                faults.append(f"two mistakes are called {name}, here and in {seen[name]}")
            seen[name] = chapter.number
        styles = len(list((HERE / "styles" / chapter.number).glob("*.py")))
        totals.update(exercises=len(exercises), mistakes=len(mistakes), styles=styles)
        print(
            f"{chapter.number}  {len(exercises)} exercises  {len(mistakes)} mistakes  "
            f"{styles} styles  {len(faults)} faults"
        )
        for fault in faults:
            print(f"    {fault}")
        broken += faults
    print("total ", dict(totals), f"{len(broken)} faults")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main([number.zfill(2) for number in sys.argv[1:]]))
