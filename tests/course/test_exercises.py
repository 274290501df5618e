"""What a learner reads in a stub is what the declaration says, and its examples are true.

Whether the checks tell right answers from wrong ones is another question: see `course_check.py`.
"""

import doctest
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from minibert.course import exercises
from minibert.course.exercises import exercises_of
from minibert.course.syllabus import CHAPTERS, chapter_of
from minibert.course.values import same
from minibert.errors import MinibertError

TUTORIALS = Path(__file__).parents[2] / "tutorials"
STYLES = Path(__file__).parent / "styles"
WORTH = re.compile(r"(\d+) points?\W+difficulty (\d)\b.*?(\d+) minutes", re.DOTALL)
NUMBERS = sorted(module.name[1:3] for module in pkgutil.iter_modules(exercises.__path__))
EACH = [
    pytest.param(number, exercise, id=f"{number}-{exercise.name}")
    for number in NUMBERS
    for exercise in exercises_of(number)
]


def names_of(file):
    """What stands in a Python file, by name."""
    names = {"__name__": file.stem}
    exec(compile(file.read_text(encoding="utf-8"), file, "exec"), names)
    return names


def functions_of(file):
    """{name: function} of those that a file defines, in its order."""
    own = names_of(file)
    return {
        name: one
        for name, one in own.items()
        if inspect.isfunction(one) and one.__module__ == file.stem
    }


def probes_of(exercise, seed):
    return exercise.probes(torch.Generator().manual_seed(seed))


def headings(chapter):
    """The headings of a chapter."""
    file = TUTORIALS / f"{chapter.stem}.py"
    return re.findall(r"^# #+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_chapter_is_found_by_its_number_alone():
    assert exercises_of(3) is exercises_of("03")
    assert exercises_of("03")[0].name == "attention_scores"
    with pytest.raises(MinibertError, match="there is no chapter 13"):
        exercises_of(13)


def test_a_chapter_without_exercises_says_so(monkeypatch):
    monkeypatch.setattr(exercises, "__path__", [])
    with pytest.raises(MinibertError, match="chapter 03, Attention with a pencil, has no exercise"):
        exercises_of(3)


def test_every_module_belongs_to_a_chapter():
    assert set(NUMBERS) <= {chapter.number for chapter in CHAPTERS}
    assert len(NUMBERS) == len(set(NUMBERS))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_stubs_are_the_exercises(number):
    wanted = [exercise.name for exercise in exercises_of(number)]
    assert list(functions_of(TUTORIALS / "exercises" / f"{number}.py")) == wanted
    assert set(wanted) <= set(functions_of(TUTORIALS / "solutions" / f"{number}.py"))
    assert 3 <= len(wanted) <= 6


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_says_how_it_is_graded_and_what_is_refused(number):
    said = " ".join(str(names_of(TUTORIALS / "exercises" / f"{number}.py")["__doc__"]).split())
    title, copy = said.split(". ", 1)
    assert title.startswith(f"Chapter {int(number)}, ")
    assert copy == (
        f"Copy this file, fill it in, and run: minibert check {number} my_{number}.py "
        "All of torch's arithmetic is yours to use, but no function that does the whole exercise "
        "(such as torch.softmax for a `softmax`): the grader refuses it, and says so. Each file "
        "stands alone: copy what you need of your earlier files into it."
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_right_answers_come_in_five_other_styles(number):
    wanted = {exercise.name for exercise in exercises_of(number)}
    files = sorted((STYLES / number).glob("*.py"))
    assert len(files) >= 5
    for file in files:
        assert wanted <= set(functions_of(file)), file


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_a_stub_says_what_the_declaration_says(number, exercise):
    stub = functions_of(TUTORIALS / "exercises" / f"{number}.py")[exercise.name]
    worth = WORTH.search(stub.__doc__)
    assert worth, stub.__doc__
    declared = (exercise.points, exercise.difficulty, exercise.minutes)
    assert tuple(map(int, worth.groups())) == declared
    # The report calls arguments by the reference's names.
    parameters = inspect.signature(stub).parameters
    assert (
        list(parameters)
        == list(inspect.signature(exercise.reference).parameters)[: len(parameters)]
    )
    for probe in probes_of(exercise, 0):
        with pytest.raises(NotImplementedError):
            stub(*probe.arguments)


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_the_examples_of_a_stub_are_true(number, exercise):
    stub = functions_of(TUTORIALS / "exercises" / f"{number}.py")[exercise.name]
    examples = doctest.DocTestParser().get_doctest(
        inspect.getdoc(stub),
        names_of(TUTORIALS / "solutions" / f"{number}.py"),
        exercise.name,
        None,
        0,
    )
    assert examples.examples
    said = []
    doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_an_exercise_can_be_read_up(number, exercise):
    chapter = chapter_of(number)
    for page in (exercise.page, *(one.page for one in exercise.mistakes if one.page)):
        stem, _, heading = page.partition(": ")
        assert stem == chapter.stem
        assert heading in headings(chapter), page
        assert (TUTORIALS / f"{stem}.ipynb").exists()


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_what_is_forbidden_is_there_to_be_called(number, exercise):
    for name in exercise.forbidden:
        assert name.startswith("aten.") or callable(pkgutil.resolve_name(name))


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_probes_follow_from_the_seed(number, exercise):
    first, again, other = (
        [probe.arguments for probe in probes_of(exercise, seed)] for seed in (5, 5, 6)
    )
    assert all(map(same, first, again))
    assert not same(first, other)
    names = [probe.name for probe in probes_of(exercise, 5)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("number", "exercise"), EACH)
def test_no_probe_s_name_reads_like_a_verdict(number, exercise):
    """It is shown right before what is wrong with the learner's own answer."""
    for probe in probes_of(exercise, 0):
        assert not re.search(r"\b(is|are) (wrong|right|found)\b|\bwrong\b", probe.name), probe.name


def test_the_museum_is_large_and_every_mistake_has_a_name_of_its_own():
    everything = [param.values[1] for param in EACH]
    mistakes = [one for exercise in everything for one in exercise.mistakes]
    names = Counter(one.name for one in mistakes)
    assert not [name for name, count in names.items() if count > 1]
    assert len(mistakes) >= max(40, 4 * len(everything))
    assert all(exercise.mistakes for exercise in everything)
    assert all(2 <= len(exercise.hints) <= 3 for exercise in everything)
