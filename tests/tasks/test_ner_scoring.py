"""Scores of entities: by hand as conlleval counts, and those of seqeval on the whole of testa."""

import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.tasks.ner.reading import read_sentences
from minibert.tasks.ner.schemes import TagSet, entities_of, tags_of
from minibert.tasks.ner.scoring import Figures, accuracy, figures, metric_names, metrics


def figures_of(gold, predicted):
    """From tags as text, a sentence each."""
    both = ([entities_of(tags.split()) for tags in some] for some in (gold, predicted))
    return {one.name: one for one in figures(*both)}


def counts(gold, predicted):
    """{type: (gold, predicted, right)}"""
    found = figures_of(gold, predicted)
    return {name: (one.gold, one.predicted, one.right) for name, one in found.items()}


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        # IOB1: I after O begins; B after the same type begins another; so does another type
        ("I-A I-A O I-B", "I-A I-A O I-B", {"all": (2, 2, 2), "A": (1, 1, 1), "B": (1, 1, 1)}),
        ("I-A B-A O", "I-A I-A O", {"all": (2, 1, 0), "A": (2, 1, 0)}),
        ("I-A I-B O", "I-A I-A O", {"all": (2, 1, 0), "A": (1, 1, 0), "B": (1, 0, 0)}),
        ("O I-A I-A", "I-A I-A I-A", {"all": (1, 1, 0), "A": (1, 1, 0)}),
        ("I-A I-A I-A", "I-A B-A I-A", {"all": (1, 2, 0), "A": (1, 2, 0)}),
        ("I-A O I-A", "O O I-A", {"all": (2, 1, 1), "A": (2, 1, 1)}),
        # Half right is not right; a right type on wrong words neither
        ("I-A I-A", "I-A I-B", {"all": (1, 2, 0), "A": (1, 1, 0), "B": (0, 1, 0)}),
        ("I-A I-A", "I-B I-B", {"all": (1, 1, 0), "A": (1, 0, 0), "B": (0, 1, 0)}),
        # B- and I- begin alike after O: conlleval counts the same entity
        ("I-A I-A O", "B-A I-A O", {"all": (1, 1, 1), "A": (1, 1, 1)}),
        # No scheme allows B-A I-B: read as two
        ("I-A I-B", "B-A I-B", {"all": (2, 2, 2), "A": (1, 1, 1), "B": (1, 1, 1)}),
        ("O O", "O O", {"all": (0, 0, 0)}),
    ],
)
def test_counts_by_hand(gold, predicted, expected):
    assert counts([gold], [predicted]) == expected


def test_an_entity_ends_with_its_sentence():
    assert counts(["I-A", "I-A"], ["I-A", "I-A"])["A"] == (2, 2, 2)


def test_figures_by_hand():
    """3 entities there, 4 predicted, 2 of them right."""
    found = figures_of(["B-A B-A O B-A"], ["B-A B-A B-A I-A"])["all"]
    assert found == Figures("all", 2 / 3, 2 / 3, 2 / 3, 3, 3, 2)
    assert Figures.of("x", 3, 4, 2) == Figures("x", 2 / 4, 2 / 3, 4 / 7, 3, 4, 2)
    assert Figures.of("x", 0, 0, 0) == Figures("x", 0, 0, 0, 0, 0, 0)
    assert Figures.of("x", 2, 0, 0).f1 == 0


def test_accuracy_is_that_of_words():
    assert accuracy([("O", "B-A"), ("O",)], [("O", "I-A"), ("O",)]) == pytest.approx(2 / 3)


ENTITIES = TagSet(("O", "B-A", "I-A", "B-B", "I-B"))


def test_metrics_by_hand():
    gold, predicted = [("B-A", "I-A", "O", "B-B")], [("B-A", "I-A", "B-B", "O")]
    found = metrics(gold, predicted, ENTITIES)
    assert found == {
        "f1": 0.5, "precision": 0.5, "recall": 0.5, "accuracy": 0.5
    }  # fmt: skip
    assert tuple(found) == metric_names(ENTITIES)
    nothing = metrics([("O",)], [("O",)], ENTITIES)
    assert nothing == {
        "f1": 0, "precision": 0, "recall": 0, "accuracy": 1
    }  # fmt: skip


def test_plain_tags_have_accuracy_only():
    plain = TagSet(("NN", "VB"))
    found = metrics([("NN", "VB")], [("NN", "NN")], plain)
    assert found == {"accuracy": 0.5}
    assert tuple(found) == metric_names(plain)


def corrupted(tags, names, share, rng):
    """Tags of which a share are others, drawn without regard for what is legal."""
    return [rng.choice(names) if rng.random() < share else tag for tag in tags]


def equal_to_seqeval(gold, predicted):
    """All figures of every type and of all, and the accuracy."""
    from seqeval.metrics import accuracy_score, sequence_labeling

    ours = figures_of(map(" ".join, gold), map(" ".join, predicted))
    every = ours.pop("all")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shares of nothing
        by_type = sequence_labeling.precision_recall_fscore_support(gold, predicted, average=None)
        micro = sequence_labeling.precision_recall_fscore_support(gold, predicted, average="micro")
    rows = zip(*by_type, strict=True)  # in the order of the types' names
    for one, row in zip((every, *ours.values()), (micro, *rows), strict=True):
        found = (one.precision, one.recall, one.f1, one.gold)
        assert found == pytest.approx(tuple(map(float, row)), abs=1e-12), one.name
    assert accuracy(gold, predicted) == pytest.approx(accuracy_score(gold, predicted))


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_any_tags_at_all_are_scored_as_by_seqeval(data):
    names = st.sampled_from(["O", *(f"{prefix}-{type}" for prefix in "BIES" for type in "AB")])
    pairs = st.lists(st.tuples(names, names), min_size=1, max_size=7)
    sentences = data.draw(st.lists(pairs, min_size=1, max_size=3))
    gold, predicted = ([[pair[i] for pair in one] for one in sentences] for i in (0, 1))
    if any(tag != "O" for tags in (*gold, *predicted) for tag in tags):
        equal_to_seqeval(gold, predicted)


@pytest.mark.real
@pytest.mark.parametrize(("scheme", "share"), [("IOB1", 0.02), ("IOB2", 0.2), ("IOBES", 0.9)])
def test_scores_on_the_whole_of_testa_are_those_of_seqeval(real_data, scheme, share):
    sentences = read_sentences(real_data / "conll2003" / "eng.testa")
    gold = [tags_of(entities_of(s.tags), len(s.words), scheme) for s in sentences]
    names = sorted({tag for tags in gold for tag in tags})
    rng = random.Random(0)
    predicted = [corrupted(tags, names, share, rng) for tags in gold]
    assert predicted != gold
    equal_to_seqeval(gold, predicted)
