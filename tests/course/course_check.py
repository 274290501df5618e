"""Is the course able to grade? Run it with `make course-check`, or for some chapters only:

    python -m tests.course.course_check 03 04

For every chapter: the solutions pass, in the learners' own grader; the empty stubs fail there;
right answers in other styles pass; every mistake of the museum fails, and no two give the same on
all calls. Then the wrong solutions of `held_out/`, written by somebody who had not seen the museum:
how many are told their true cause. (What each of them means was judged from its author's words by
somebody who had not seen what the grader says.) The figures must stand in docs/teaching.md. Ends
with status 1 if anything is broken.
"""

import argparse
import ast
import importlib.util
import re
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import torch

import minibert.course.exercises as exercises_package
from minibert.course.exercises import exercises_of
from minibert.course.grader import Grader
from minibert.course.judging import Judge
from minibert.course.syllabus import CHAPTERS
from minibert.errors import MinibertError

HERE = Path(__file__).parent
TUTORIALS = HERE.parent.parent / "tutorials"
TEACHING = HERE.parent.parent / "docs" / "teaching.md"
SEEDS = (0, 1)
NAMED_AT_LEAST = 0.8  # of the held-out wrong solutions


class Told(NamedTuple):
    """What the author of a held-out wrong solution is told."""

    where: str
    means: str  # a mistake's name, or "none": the museum has no such mistake
    told: tuple[str, ...]
    whole: bool  # whether the mistake explains every call

    @property
    def verdict(self):
        if not self.told:
            return "unnamed"
        if self.means not in self.told:
            return "wrong"
        return "right" if len(self.told) == 1 else "tie"


def load(file):
    """The module of a trusted Python file, run in this process."""
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def museum_file(number):
    """The module that declares a chapter's exercises."""
    (file,) = Path(exercises_package.__file__).parent.glob(f"c{number}_*.py")
    return file


def museum_faults(judge):
    """Mistakes that pass, and pairs that no call tells apart."""
    name = judge.exercise.name
    for mistake, outcomes in judge.mistaken:
        if not judge.failures(outcomes):
            yield f"{name}: the mistake {mistake.name} passes (seed {judge.seed})"
    for (one, ours), (other, theirs) in combinations(judge.mistaken, 2):
        if judge.alike(ours, theirs):
            yield f"{name}: {one.name} and {other.name} give the same (seed {judge.seed})"


def style_faults(file, judges):
    """What the checks find wrong in a right answer."""
    where = f"{file.parent.name}/{file.name}"
    try:
        module = load(file)
    except Exception as error:
        yield f"{where}: {type(error).__name__}: {error}"
        return
    for judge in judges:
        name = judge.exercise.name
        if not hasattr(module, name):
            yield f"{where}: {name} is not written"
            continue
        outcomes = judge.outcomes(getattr(module, name), judge.exercise.forbidden)
        for kind, message, probe, _ in judge.failures(outcomes):
            yield f"{where}: {name}, {probe} (seed {judge.seed}): {kind}: {message}"


def solution_faults(file, exercises, seed):
    """What the learners' own grader finds wrong in the solutions."""
    if not file.exists():
        yield f"{file.name} of the solutions is missing"
        return
    for mark in Grader(exercises, seed).grade(file).marks:
        if mark.failure:
            yield f"solution of {mark.exercise.name}: {mark.failure}"


def stub_faults(file, exercises):
    """Exercises that the empty stubs do not fail as they should."""
    if not file.exists():
        yield f"{file.name} of the stubs is missing"
        return
    for mark in Grader(exercises).grade(file).marks:
        if mark.failure is None or mark.failure.kind != "not implemented":
            yield f"stub of {mark.exercise.name}: {mark.failure or 'passes'}"


def declaration_faults(exercises):
    """What is missing in the declarations, or named twice."""
    twice = Counter(one.name for one in exercises)
    for exercise in exercises:
        if twice[exercise.name] > 1:
            yield f"{exercise.name} is there twice"
        if not 2 <= len(exercise.hints) <= 3:
            yield f"{exercise.name} has {len(exercise.hints)} hints, instead of 2 or 3"
        if exercise.points < 1 or not 1 <= exercise.difficulty <= 5 or exercise.minutes < 1:
            yield f"{exercise.name}: points, difficulty or minutes are no sensible number"
        if not exercise.page:
            yield f"{exercise.name} has no page"
        for mistake in exercise.mistakes:
            if not mistake.says or mistake.says[0].isspace() or mistake.says.endswith("."):
                yield f"{mistake.name}: what it says does not end a sentence"


def wrong_functions(file):
    """(function's name, what its comment `# means: NAME` says, function) of a held-out file.

    The comment stands right above the function or in it. One name may be there several times.
    """
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    names = vars(load(file))
    end = 0
    for node in tree.body:
        lines = text.splitlines()[end : node.end_lineno]
        end = node.end_lineno
        means = re.search(r"# means: *([\w-]+)", "\n".join(lines))
        if means and isinstance(node, ast.FunctionDef):
            local = dict(names)
            exec(compile(ast.Module([node], []), str(file), "exec"), local)
            yield node.name, means[1], local[node.name]


def held_out(file, judges):
    """What every wrong function of a file is told; a function that passes raises AssertionError."""
    by_name = {judge.exercise.name: judge for judge in judges}
    for name, means, function in wrong_functions(file):
        judge = by_name[name]
        outcomes = judge.outcomes(function)
        where = f"{file.parent.name}/{file.name}: {name}"
        assert judge.failures(outcomes), f"{where}, which means {means}, passes"
        found = judge.diagnose(outcomes)
        yield Told(where, means, tuple(cause.name for cause in found.causes), found.whole)


def check_chapter(number, exercises):
    """All faults of a chapter, and what its held-out wrong solutions are told."""
    faults = [*declaration_faults(exercises)]
    styles = sorted((HERE / "styles" / number).glob("*.py"))
    told = []
    for seed in SEEDS:
        judges = [Judge(exercise, seed) for exercise in exercises]
        for judge in judges:
            faults += museum_faults(judge)
        for file in styles:
            faults += style_faults(file, judges)
        if seed == SEEDS[0]:
            for file in sorted((HERE / "held_out" / number).glob("*.py")):
                try:
                    told += held_out(file, judges)
                except (AssertionError, KeyError) as error:
                    faults.append(f"{file.name}: {error}")
    faults += solution_faults(TUTORIALS / "solutions" / f"{number}.py", exercises, SEEDS[0])
    faults += stub_faults(TUTORIALS / "exercises" / f"{number}.py", exercises)
    return faults, told, len(styles)


def print_held_out(told):
    """Print what the held-out are told; whether enough are told the cause, and the figures."""
    verdicts = Counter(one.verdict for one in told)
    named = verdicts["right"] + verdicts["tie"]
    figures = (
        f"{len(told)} held-out wrong solutions: {verdicts['right']} named right, {verdicts['tie']} "
        f"an honest tie, {verdicts['wrong']} named wrong, {verdicts['unnamed']} not named: "
        f"{named / len(told):.0%} right or tied"
    )
    print(f"\n{figures}")
    partly = sum(one.verdict in ("right", "tie") and not one.whole for one in told)
    print(f"  {partly} of these by some of the calls that fail, the others by all calls")
    absent = sum(one.means == "none" for one in told)
    print(f"  {absent} of all have a bug that is not in the museum")
    for one in told:
        if one.verdict in ("wrong", "unnamed"):
            print(f"  {one.verdict:8} {one.where}: {one.means}; told {', '.join(one.told) or '-'}")
    return named >= NAMED_AT_LEAST * len(told), figures


def main(numbers):
    start = time.monotonic()
    totals = Counter()
    told = []
    home = {}
    row = "{:8}{:>10}{:>9}{:>9}{:>8}"
    print(row.format("chapter", "exercises", "mistakes", "styles", "faults"))
    for chapter in CHAPTERS:
        if numbers and chapter.number not in numbers:
            continue
        try:
            exercises = exercises_of(chapter.number)
        except MinibertError as error:
            print(f"{chapter.number:8}{error}")
            continue
        faults, theirs, styles = check_chapter(chapter.number, exercises)
        told += theirs
        mistakes = [one.name for exercise in exercises for one in exercise.mistakes]
        for name in mistakes:
            if name in home:
                faults.append(f"a mistake is called {name}, as in chapter {home[name]}")
            home[name] = chapter.number
        counts = {"exercises": len(exercises), "mistakes": len(mistakes), "styles": styles}
        totals.update(counts | {"faults": len(faults)})
        print(row.format(chapter.number, *counts.values(), len(faults)))
        for fault in faults:
            print(f"    {fault}")
    keys = ("exercises", "mistakes", "styles", "faults")
    print(row.format("total", *(totals[key] for key in keys)))
    fine = not totals["faults"]
    if told:
        enough, figures = print_held_out(told)
        if not numbers:  # the figures are those of the whole course
            fine &= enough
            counts = "{exercises} exercises, {mistakes} mistakes, {styles} files".format(**totals)
            page = " ".join(TEACHING.read_text(encoding="utf-8").split())
            for one in (counts, figures):
                if one not in page:
                    print(f"{TEACHING.name} does not say: {one}")
                    fine = False
    print(f"{'all is well' if fine else 'BROKEN'}, {time.monotonic() - start:.0f} seconds")
    return 0 if fine else 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="such as 03; all of them if not given")
    sys.exit(main([number.zfill(2) for number in parser.parse_args().chapters]))
