"""The bug museum applied to the library: its own tests must notice every mistake."""

import re

import pytest
from library_mutants import MUTANTS, ROOT, Mutant, source, survivors

SAMPLE = ("mask-after-softmax", "decay-on-layer-norms", "f1-over-sets-of-words")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_changes_one_passage_and_names_tests_that_are_there(mutant):
    assert source(mutant).count(mutant.old) == 1
    assert mutant.old != mutant.new
    compile(source(mutant).replace(mutant.old, mutant.new), mutant.file, "exec")
    for test in mutant.tests.split():
        file, *names = test.split("::")
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf"^ *(?:def|class) {name}\b", text, re.MULTILINE), test


def test_they_are_many_and_have_names_of_their_own():
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.slow
def test_a_sample_is_noticed_and_a_change_of_nothing_is_not():
    some = tuple(mutant for mutant in MUTANTS if mutant.name in SAMPLE)
    assert len(some) == len(SAMPLE)
    harmless = Mutant(
        "harmless",
        "model/functional.py",
        "/ math.sqrt(width)",
        "/ width**0.5",
        "model/test_functional.py::test_attention_scores_by_hand",
    )
    (told,) = survivors(2, (*some, harmless))
    assert told.startswith("harmless (pytest ended with 0)")


@pytest.mark.slow
def test_every_mistake_is_noticed():
    assert survivors() == []
