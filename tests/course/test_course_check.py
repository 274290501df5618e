"""The course can grade: the checks of `make course-check`, the slow ones for one chapter only."""

import string
import unicodedata
from dataclasses import replace

import course_check
import pocket
import pytest
import torch

from minibert.course.exercise import Mistake
from minibert.course.exercises import exercises_of
from minibert.course.judging import Judge
from minibert.course.syllabus import CHAPTERS
from minibert.errors import MinibertError


def declared():
    for chapter in CHAPTERS:
        try:
            exercises_of(chapter.number)
        except MinibertError:
            continue
        yield chapter.number


NUMBERS = tuple(declared())
SEED = 12


@pytest.mark.parametrize("number", NUMBERS)
def test_every_mistake_is_told_from_the_answer_and_right_answers_pass(number):
    exercises = exercises_of(number)
    judges = [Judge(exercise, SEED) for exercise in exercises]
    faults = [*course_check.declaration_faults(exercises)]
    for judge in judges:
        faults += course_check.museum_faults(judge)
    files = sorted((course_check.HERE / "styles" / number).glob("*.py"))
    for file in (*files, course_check.TUTORIALS / "solutions" / f"{number}.py"):
        faults += course_check.style_faults(file, judges)
    assert not faults
    assert len(files) >= 5


def test_solutions_pass_and_stubs_fail_in_the_learners_own_grader():
    exercises = exercises_of("03")
    solution = course_check.TUTORIALS / "solutions" / "03.py"
    stub = course_check.TUTORIALS / "exercises" / "03.py"
    assert not [*course_check.solution_faults(solution, exercises, SEED)]
    assert not [*course_check.stub_faults(stub, exercises)]


def test_names_of_mistakes_are_unique():
    names = [
        mistake.name
        for number in NUMBERS
        for exercise in exercises_of(number)
        for mistake in exercise.mistakes
    ]
    assert len(names) == len(set(names)) > 40


def layer_norm_of_embeddings(ids, types, token, position, segment):
    total = token[ids] + position[: ids.shape[1]] + segment[types]
    centred = total - total.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-12).sqrt()


def columns_divided(rows):
    return (rows @ rows.T) / torch.sqrt((rows * rows).sum(1))


def one_minus_mask(scores, mask):
    shifted = scores if mask is None else scores - 1e9 * (1 - mask)
    powers = torch.exp(shifted - shifted.max(dim=-1, keepdim=True).values)
    return powers / powers.sum(-1, keepdim=True)


def mask_of_queries(lengths, size):
    return (torch.arange(size)[None] < lengths[:, None]).unsqueeze(1).unsqueeze(-1)


def ascii_punctuation(text):
    decomposed = unicodedata.normalize("NFD", text.lower())
    letters = [one for one in decomposed if unicodedata.category(one) != "Mn"]
    return "".join(f" {one} " if one in string.punctuation else one for one in letters).split()


@pytest.mark.parametrize(
    ("number", "name", "function", "cause", "whole"),
    [
        ("02", "embed", layer_norm_of_embeddings, "embeddings-normalised", True),
        ("02", "cosine_similarity", columns_divided, "cosine-columns-divided", True),
        ("03", "masked_softmax", one_minus_mask, "mask-subtracted-from-one", True),
        ("04", "padding_mask", mask_of_queries, "padding-of-queries", True),
        ("01", "split_words", ascii_punctuation, "split-ascii-punctuation", False),
    ],
)
def test_what_a_newcomer_tried_is_named(number, name, function, cause, whole):
    (exercise,) = (one for one in exercises_of(number) if one.name == name)
    judge = Judge(exercise, SEED)
    found = judge.diagnose(judge.outcomes(function))
    assert ([one.name for one in found.causes], found.whole) == ([cause], whole)


def broken(**changes):
    return Judge(replace(pocket.COUNT_WORDS, **changes), 0)


def test_a_weak_museum_is_found():
    once, lower = pocket.COUNT_WORDS.mistakes
    right = Mistake("none", "nothing at all", pocket.count_words)
    twin = Mistake("twin", "every word counted once", lambda text: dict.fromkeys(text.split(), 1))
    assert not [*course_check.museum_faults(broken())]
    (alive,) = course_check.museum_faults(broken(mistakes=(once, right)))
    assert alive == "count_words: the mistake none passes (seed 0)"
    (same,) = course_check.museum_faults(broken(mistakes=(once, lower, twin)))
    assert same == "count_words: count-once and twin give the same (seed 0)"
    (bare,) = course_check.declaration_faults([replace(pocket.COUNT_WORDS, hints=("one",))])
    assert bare == "count_words has 1 hints, instead of 2 or 3"


def test_wrong_solutions_and_answers_in_stubs_are_found(tmp_path):
    file = tmp_path / "07.py"
    file.write_text(pocket.SOLUTION.replace("words.count(word)", "1"))
    assert [*course_check.style_faults(file, [broken()])]
    (fault,) = course_check.solution_faults(file, pocket.EXERCISES, 0)
    assert fault.startswith("solution of count_words: ")
    faults = [*course_check.stub_faults(file, pocket.EXERCISES[1:])]
    assert faults[0].startswith("stub of count_words: Failure(kind='wrong values'")
    assert faults[1] == "stub of mean_and_largest: passes"
    assert [*course_check.solution_faults(tmp_path / "none.py", pocket.EXERCISES, 0)]


def test_held_out_wrong_solutions_are_counted(tmp_path, capsys):
    file = tmp_path / "some.py"
    file.write_text('''
WORDS = str.split

# means: count-once
def count_words(text):
    return {word: 1 for word in WORDS(text)}

def count_words(text):
    """Everything small."""
    # means: count-once
    return helper(text.lower())

def helper(text):
    return {word: WORDS(text).count(word) for word in WORDS(text)}

# means: none
def count_words(text):
    return {}
''')
    told = [*course_check.held_out(file, [broken()])]
    assert [one.verdict for one in told] == ["right", "wrong", "unnamed"]
    assert [one.means for one in told] == ["count-once", "count-once", "none"]
    tie = told[0]._replace(told=("count-once", "count-lower"))
    enough, figures = course_check.print_held_out([*told, tie])
    assert not enough
    assert "1 named right, 1 an honest tie, 1 named wrong, 1 not named: 50% right or" in figures
    assert figures in capsys.readouterr().out
    assert course_check.print_held_out([tie] * 4 + told[1:2])[0]
    file.write_text(
        "# means: count-once\ndef count_words(text):\n    w = text.split()\n"
        "    return {one: w.count(one) for one in w}\n"
    )
    with pytest.raises(AssertionError, match="which means count-once, passes"):
        [*course_check.held_out(file, [broken()])]
