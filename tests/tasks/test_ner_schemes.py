"""Schemes of tags: by hand, there and back, illegal ones, and how a file's scheme is told."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibert.errors import DataError
from minibert.tasks.ner.reading import Columns, Sentence, read_sentences
from minibert.tasks.ner.schemes import (
    SCHEMES,
    Entity,
    TagSet,
    detect,
    entities_of,
    legal,
    tags_of,
)


def tagged(*sentences):
    """Sentences of the tags given, one a line of the file "f", with a blank line between."""
    made, line = [], 1
    for tags in map(str.split, sentences):
        words = tuple(f"w{place}" for place in range(len(tags)))
        made.append(Sentence(words, tuple(tags), 0, "f", range(line, line + len(tags))))
        line += len(tags) + 1
    return made


# --- tags and entities ----------------------------------------------------------------------------

# in New York Peter Ann of Rome
ENTITIES = [Entity("LOC", 1, 2), Entity("PER", 3, 3), Entity("PER", 4, 4), Entity("LOC", 6, 6)]
WRITTEN = {
    "IOB1": "O I-LOC I-LOC I-PER B-PER O I-LOC",
    "IOB2": "O B-LOC I-LOC B-PER B-PER O B-LOC",
    "IOBES": "O B-LOC E-LOC S-PER S-PER O S-LOC",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_sentence_in_every_scheme(scheme):
    tags = WRITTEN[scheme].split()
    assert entities_of(tags) == ENTITIES
    assert tags_of(ENTITIES, 7, scheme) == tags
    assert detect(tagged(WRITTEN[scheme])) == (scheme, 4, 0, "")


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        # No scheme allows these; conlleval reads them so
        ("O I-A I-A", [("A", 1, 2)]),
        ("I-A I-B I-B", [("A", 0, 0), ("B", 1, 2)]),
        ("B-A I-B I-A", [("A", 0, 0), ("B", 1, 1), ("A", 2, 2)]),
        ("E-A E-A", [("A", 0, 0), ("A", 1, 1)]),
        ("S-A I-A E-A I-A", [("A", 0, 0), ("A", 1, 2), ("A", 3, 3)]),
        ("B-A S-A E-A", [("A", 0, 0), ("A", 1, 1), ("A", 2, 2)]),
        ("I-A O I-A", [("A", 0, 0), ("A", 2, 2)]),
        # A type may hold a hyphen, and O is no type
        ("B-A-B I-A-B I-A", [("A-B", 0, 1), ("A", 2, 2)]),
        ("B-O O I-O", [("O", 0, 0), ("O", 2, 2)]),
        ("O O", []),
        ("", []),
    ],
)
def test_illegal_and_odd_sequences(tags, entities):
    assert entities_of(tags.split()) == entities


@st.composite
def sentences_of_entities(draw):
    """(entities, number of words): entities of two types, some of which touch."""
    entities, word = [], 0
    for gap, length, type in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("AB")), max_size=6)
    ):
        first = word + gap
        entities.append(Entity(type, first, first + length - 1))
        word = first + length
    return entities, word + draw(st.integers(0, 2))


@given(sentences_of_entities(), st.sampled_from(SCHEMES))
def test_entities_come_back_from_legal_tags_of_every_scheme(sentence, scheme):
    entities, words = sentence
    tags = tags_of(entities, words, scheme)
    assert len(tags) == words
    assert entities_of(tags) == entities
    assert all(legal(*both, scheme) for both in pairwise(["O", *tags, "O"]))


@given(st.data(), st.sampled_from(SCHEMES))
def test_legal_tags_come_back_from_their_entities(data, scheme):
    """Any walk over legal moves is the one way to write its entities in that scheme."""
    names = ["O", *(f"{prefix}-{type}" for prefix in "BIES" for type in "AB")]
    tags = ["O"]
    for _ in range(data.draw(st.integers(0, 8))):
        tags.append(data.draw(st.sampled_from([n for n in names if legal(tags[-1], n, scheme)])))
    while not legal(tags[-1], "O", scheme):
        tags.append("E" + tags[-1][1:])
    tags = tags[1:]
    assert tags_of(entities_of(tags), len(tags), scheme) == tags


@given(st.lists(st.sampled_from([f"{p}-{t}" for p in "BIES" for t in "AB"] + ["O"]), max_size=8))
def test_any_tags_have_entities_that_hold_every_tagged_word_once(tags):
    entities = entities_of(tags)
    held = [word for entity in entities for word in range(entity.first, entity.last + 1)]
    assert held == [word for word, tag in enumerate(tags) if tag != "O"]
    assert all(tags[word][2:] == e.type for e in entities for word in range(e.first, e.last + 1))
    # Illegal tags become legal ones of the same entities
    for scheme in SCHEMES:
        assert entities_of(tags_of(entities, len(tags), scheme)) == entities


LEGAL = {
    ("O", "I-A"): {"IOB1"},
    ("O", "B-A"): {"IOB2", "IOBES"},
    ("O", "E-A"): set(),
    ("O", "S-A"): {"IOBES"},
    ("B-A", "I-A"): {"IOB1", "IOB2", "IOBES"},
    ("B-A", "I-B"): {"IOB1"},
    ("B-A", "B-A"): {"IOB1", "IOB2"},
    ("B-A", "B-B"): {"IOB2"},
    ("B-A", "O"): {"IOB1", "IOB2"},
    ("B-A", "E-A"): {"IOBES"},
    ("I-A", "E-B"): set(),
    ("I-A", "I-B"): {"IOB1"},
    ("I-A", "B-A"): {"IOB1", "IOB2"},
    ("I-A", "O"): {"IOB1", "IOB2"},
    ("E-A", "I-A"): {"IOB1"},  # E is no tag of IOB1: what counts here is whether I may stand
    ("E-A", "B-A"): {"IOB2", "IOBES"},
    ("S-A", "S-A"): {"IOBES"},
    ("S-A", "O"): {"IOB1", "IOB2", "IOBES"},
}


@pytest.mark.parametrize("pair", LEGAL)
def test_moves_by_hand(pair):
    assert {scheme for scheme in SCHEMES if legal(*pair, scheme)} == LEGAL[pair]


# --- the scheme of a file -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["I-A"], "IOB1"),
        (["B-A"], "IOB2"),
        (["S-A"], "IOBES"),
        (["B-A E-A O"], "IOBES"),
        (["I-A I-A O I-B"], "IOB1"),
        (["B-A I-A O B-B"], "IOB2"),
        (["I-A B-A I-A", "I-B"], "IOB1"),
        (["O O"], "IOB2"),  # nothing tells
    ],
)
def test_the_scheme_is_told_by_what_is_legal(sentences, scheme):
    found = detect(tagged(*sentences))
    assert (found.scheme, found.illegal) == (scheme, 0)


def test_some_illegal_tags_do_not_hide_the_scheme_and_are_counted():
    found = detect(tagged("B-A I-A O B-B", "O I-A O", "B-B", "B-A I-B"))
    assert (found.scheme, found.entities, found.illegal) == ("IOB2", 6, 2)
    assert str(found) == (
        "IOB2, 6 entities; 2 tags not legal in it, the first f, line 7, 'I-A' behind 'O'"
    )
    unfinished = detect(tagged("S-A O B-A E-A", "S-A B-A"))
    assert str(unfinished).endswith("1 tags not legal in it, the first f, line 7, 'B-A' at the end "
                                    "of the sentence")  # fmt: skip


def test_plain_tags_are_told_from_entities():
    assert detect(tagged("NN VB", "O")).scheme is None
    assert "only accuracy" in str(detect(tagged("NN VB")))


@pytest.mark.parametrize("odd", ["PER", "B_PER", "X-PER", "B-", "b-PER", "-PER"])
def test_a_tag_that_is_none_of_an_entity_is_refused_with_its_place(odd):
    with pytest.raises(DataError) as error:
        detect(tagged("O B-A", f"O O {odd}"))
    assert str(error.value) == (
        f"f, line 6: tag {odd!r} is none of an entity, which are O or begin with B-, I-, E- or S- "
        "as 'B-A' does"
    )


def test_words_without_tags_have_no_scheme():
    with pytest.raises(DataError, match="f, line 1: words without tags"):
        detect([Sentence(("a",), None, 0, "f", (1,))])


# --- the model's tags -----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_models_tags_are_iob2_whatever_the_file_has(scheme):
    sentences = tagged(WRITTEN[scheme])
    tag_set = TagSet.of(sentences)
    assert tag_set.names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert tag_set.types == ("LOC", "PER")
    assert " ".join(tag_set.tags(sentences[0])) == WRITTEN["IOB2"]
    assert tag_set.numbers(sentences).tolist() == [0, 1, 2, 3, 3, 0, 1]
    assert tag_set.named([0, 1, 2, 3], [0, 1, 4]) == [("O",), ("B-LOC", "I-LOC", "B-PER")]


def test_files_of_different_schemes_have_the_same_numbers():
    tag_set = TagSet.of(tagged(WRITTEN["IOB1"]))
    numbers = [tag_set.numbers(tagged(tags, "O")).tolist() for tags in WRITTEN.values()]
    assert numbers[0] == numbers[1] == numbers[2]


def test_plain_tags_keep_their_names():
    sentences = tagged("VB NN", "NN O")
    tag_set = TagSet.of(sentences)
    assert tag_set.names == ("NN", "O", "VB")
    assert tag_set.types == ()
    assert tag_set.numbers(sentences).tolist() == [2, 0, 0, 1]
    assert tag_set.entities(("VB", "NN")) == [("VB", 0, 0), ("NN", 1, 1)]
    assert tag_set.moves().all()


def test_unknown_tags_are_refused_with_their_place():
    entities = TagSet.of(tagged("B-LOC S-PER"))
    with pytest.raises(DataError, match=r"f, line 3: tag 'I-ORG' is unknown; .* has LOC, PER"):
        entities.numbers(tagged("O O I-ORG"))
    with pytest.raises(DataError, match="f, line 1: tag 'LOC' is unknown"):
        entities.numbers(tagged("LOC"))
    with pytest.raises(DataError, match=r"f, line 2: tag 'VBX' is unknown; .* has NN, VB"):
        TagSet.of(tagged("NN VB")).numbers(tagged("NN VBX"))


@pytest.mark.parametrize("tags", ["O O", "NN NN"])
def test_nothing_to_tell_apart_is_refused(tags):
    with pytest.raises(DataError, match=f"f: every tag is {tags.split()[0]!r}"):
        TagSet.of(tagged(tags))


def test_moves_are_those_of_iob2():
    tag_set = TagSet(("O", "B-A", "I-A", "B-B", "I-B"))
    moves = tag_set.moves()
    assert moves.shape == (6, 5)
    assert moves[0].tolist() == [True, True, False, True, False]  # at the beginning
    for before, row in zip(tag_set.names, moves[1:], strict=True):
        assert row.tolist() == [legal(before, after, "IOB2") for after in tag_set.names]


# --- whole files ----------------------------------------------------------------------------------


@pytest.mark.real
def test_conll_2003_is_in_iob1_and_can_be_written_in_every_scheme(real_data):
    sentences = read_sentences(real_data / "conll2003" / "eng.testa")
    assert detect(sentences)[:3] == ("IOB1", 5942, 0)
    for scheme in SCHEMES:
        again = []
        for sentence in sentences:
            tags = tags_of(entities_of(sentence.tags), len(sentence.tags), scheme)
            assert entities_of(tags) == entities_of(sentence.tags)
            again.append(sentence._replace(tags=tuple(tags)))
        assert detect(again)[:3] == (scheme, 5942, 0)
        assert (again == sentences) == (scheme == "IOB1")


@pytest.mark.real
def test_conll_2003_has_parts_of_speech_and_chunks_too(real_data):
    path = real_data / "conll2003" / "eng.testa"
    assert detect(read_sentences(path, Columns(tags="2"))).scheme is None
    chunks = detect(read_sentences(path, Columns(tags="3")))
    assert (chunks.scheme, chunks.illegal) == ("IOB1", 0)
