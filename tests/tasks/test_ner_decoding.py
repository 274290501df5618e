"""From scores to tags: Viterbi against trying everything; from tags to entities in a text."""

import time
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.tasks.ner.decoding import Found, best_path, best_tags, found_entities
from minibert.tasks.ner.schemes import TagSet, legal
from minibert.tasks.ner.text import joined, split

ONE = TagSet(("O", "B-A", "I-A"))
TWO = TagSet(("O", "B-A", "I-A", "B-B", "I-B"))
PLAIN = TagSet(("DT", "NN", "VB"))


def is_legal(tags):
    return all(legal(*both, "IOB2") for both in pairwise(["O", *tags]))


def bounds_of(lengths):
    return np.cumsum([0, *lengths])


def test_by_hand():
    """I is best at the first word and may not stand there; B before a good I is worth its price."""
    logits = np.array([[1.0, 0.5, 2.0], [0.0, 0.0, 3.0], [1.0, 0.0, 0.0]])
    bounds = bounds_of([3])
    assert best_tags(logits, bounds, ONE, constrained=False).tolist() == [2, 2, 0]
    assert best_tags(logits, bounds, ONE, constrained=True).tolist() == [1, 2, 0]
    # The same words as two sentences: the second may not begin with I either
    assert best_path(logits, bounds_of([1, 2]), ONE).tolist() == [0, 0, 0]


@st.composite
def scored_sentences(draw):
    """(tag set, lengths, logits): few words, for trying every sequence of tags."""
    tag_set = draw(st.sampled_from([ONE, TWO, PLAIN]))
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any))
    seed = draw(st.integers(0, 2**32 - 1))
    logits = np.random.default_rng(seed).normal(size=(sum(lengths), len(tag_set.names)))
    return tag_set, lengths, logits.astype(np.float32)


@given(scored_sentences())
@settings(deadline=None, max_examples=60)
def test_the_best_path_is_the_best_of_all_legal_ones(drawn):
    tag_set, lengths, logits = drawn
    names = tag_set.names
    bounds = bounds_of(lengths)
    found = best_path(logits, bounds, tag_set)
    for start, end in pairwise(bounds):
        sequences = [
            path
            for path in product(range(len(names)), repeat=end - start)
            if not tag_set.types or is_legal([names[tag] for tag in path])
        ]
        sums = [logits[np.arange(start, end), list(path)].sum() for path in sequences]
        assert tuple(found[start:end].tolist()) == sequences[int(np.argmax(sums))]


@given(scored_sentences())
@settings(deadline=None)
def test_where_the_best_tags_are_legal_the_path_is_theirs(drawn):
    tag_set, lengths, logits = drawn
    bounds = bounds_of(lengths)
    tags = best_tags(logits, bounds, tag_set, constrained=False)
    path = best_tags(logits, bounds, tag_set, constrained=True)
    named = tag_set.named(tags.tolist(), bounds)
    for (start, end), names in zip(pairwise(bounds), named, strict=True):
        if not tag_set.types or is_legal(names):
            assert path[start:end].tolist() == tags[start:end].tolist()


def test_many_words_are_quick():
    """50,000 words in sentences, and as many in a single text."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 1_700)
    bounds = bounds_of(lengths)
    logits = rng.normal(size=(bounds[-1], 9)).astype(np.float32)
    tag_set = TagSet(("O", *(f"{p}-{t}" for t in ("LOC", "MISC", "ORG", "PER") for p in "BI")))
    assert bounds[-1] > 50_000
    started = time.process_time()
    path = best_path(logits, bounds, tag_set)
    assert time.process_time() - started < 2
    named = tag_set.named(path.tolist(), bounds)
    assert all(map(is_legal, named))
    alone = best_path(logits, np.array([0, len(logits)]), tag_set)
    assert is_legal(tag_set.named(alone.tolist(), [0, len(logits)])[0])
    assert time.process_time() - started < 10


# --- entities -------------------------------------------------------------------------------------


def test_entities_have_text_type_place_and_score():
    text = split("Ada Lovelace (née Byron), Turin.")
    assert text.words == ("Ada", "Lovelace", "(", "née", "Byron", ")", ",", "Turin", ".")
    tags = np.array([1, 2, 0, 0, 1, 0, 0, 3, 0])
    logits = np.full((9, 5), -np.inf)
    logits[np.arange(9), tags] = 0  # all sure
    logits[1] = np.log([0.1, 0.1, 0.6, 0.1, 0.1])
    logits[7] = np.log([0.3, 0.1, 0.1, 0.4, 0.1])
    found = found_entities(text, logits, tags, TWO)
    assert [entity[:4] for entity in found] == [
        ("Ada Lovelace", "A", 0, 12),
        ("Byron", "A", 18, 23),
        ("Turin", "B", 26, 31),
    ]
    assert [entity.score for entity in found] == pytest.approx([0.8, 1.0, 0.4])
    assert all(text.text[entity.start : entity.end] == entity.text for entity in found)
    assert isinstance(found[0].score, float)


def test_logits_of_any_size_have_probabilities():
    text = joined(["a"])
    (found,) = found_entities(text, np.array([[1e4, 1e4 + 1, -1e4]]), np.array([1]), ONE)
    assert found.score == pytest.approx(np.e / (1 + np.e))


def test_where_tags_are_plain_every_word_is_found():
    text = joined(["the", "cat", "sat"])
    found = found_entities(text, np.zeros((3, 3)), np.array([0, 1, 2]), PLAIN)
    assert found == [
        Found("the", "DT", 0, 3, pytest.approx(1 / 3)),
        Found("cat", "NN", 4, 7, pytest.approx(1 / 3)),
        Found("sat", "VB", 8, 11, pytest.approx(1 / 3)),
    ]
