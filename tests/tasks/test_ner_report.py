"""Where tags fail: every entity in one kind of error, who is taken for whom, and the files."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibert.tasks.ner.reading import DOCUMENT, Sentence, read_sentences
from minibert.tasks.ner.report import (
    KINDS,
    NONE,
    Confused,
    marked,
    pairs,
    tag_report,
    write_columns,
    write_report,
)
from minibert.tasks.ner.schemes import Entity, TagSet, entities_of, tags_of

TAGS = TagSet(("O", "B-A", "I-A", "B-B", "I-B"))
PLAIN = TagSet(("DT", "NN", "VB"))


def sentence(tags, document=0, line=1):
    tags = tuple(tags.split())
    words = tuple(f"w{place}" for place in range(len(tags)))
    return Sentence(words, tags, document, "f", range(line, line + len(tags)))


def kinds(gold, predicted):
    """[(kind, gold, predicted)] with entities as text such as A1-2."""

    def written(entity):
        return entity and f"{entity.type}{entity.first}-{entity.last}"

    found = pairs(entities_of(gold.split()), entities_of(predicted.split()))
    return [(pair.kind, written(pair.gold), written(pair.predicted)) for pair in found]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("B-A I-A O", "B-A I-A O", [("right", "A0-1", "A0-1")]),
        ("B-A I-A O", "B-B I-B O", [("type", "A0-1", "B0-1")]),
        ("B-A I-A O", "B-A O O", [("boundary", "A0-1", "A0-0")]),
        ("B-A I-A O", "O B-A I-A", [("boundary", "A0-1", "A1-2")]),
        ("B-A I-A O", "O B-B I-B", [("both", "A0-1", "B1-2")]),
        ("B-A I-A O", "O O O", [("missed", "A0-1", None)]),
        ("O O B-B", "B-A I-A O", [("missed", "B2-2", None), ("invented", None, "A0-1")]),
        # Two taken for one: the one that shares more words is its pair
        ("B-A B-A I-A", "B-A I-A I-A", [("boundary", "A1-2", "A0-2"), ("missed", "A0-0", None)]),
        # One taken for two
        ("B-A I-A I-A", "B-A B-A I-A", [("boundary", "A0-2", "A1-2"), ("invented", None, "A0-0")]),
        # Its type counts for more than how much they share
        ("B-A I-A I-A", "B-A B-B I-B", [("boundary", "A0-2", "A0-0"), ("invented", None, "B1-2")]),
        # Of equal ones the first
        ("B-A I-A", "B-B B-B", [("both", "A0-1", "B0-0"), ("invented", None, "B1-1")]),
        # What is right is nobody else's
        ("B-A B-B I-B", "B-A B-A O", [("right", "A0-0", "A0-0"), ("both", "B1-2", "A1-1")]),
    ],
)
def test_kinds_by_hand(gold, predicted, expected):
    assert kinds(gold, predicted) == expected


TAG_LISTS = st.integers(0, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from(TAGS.names), min_size=n, max_size=n)] * 2)
)


@given(TAG_LISTS)
def test_every_entity_is_in_one_pair_and_only_what_touches_is_paired(tags):
    gold, predicted = map(entities_of, tags)
    found = pairs(gold, predicted)
    by_place = {"key": lambda entity: entity.first}
    assert sorted((pair.gold for pair in found if pair.gold), **by_place) == gold
    assert sorted((pair.predicted for pair in found if pair.predicted), **by_place) == predicted
    for kind, ours, theirs in found:
        assert (kind == "missed") == (theirs is None)
        assert (kind == "invented") == (ours is None)
        if ours and theirs:
            assert max(ours.first, theirs.first) <= min(ours.last, theirs.last)
            same = ours.type == theirs.type, ours[1:] == theirs[1:]
            assert {(1, 1): "right", (0, 1): "type", (1, 0): "boundary", (0, 0): "both"}[same] == (
                kind
            )
    assert {pair.gold for pair in found if pair.kind == "right"} == set(gold) & set(predicted)


@pytest.fixture(scope="module")
def report():
    sentences = [
        sentence("B-A I-A O B-B"),  # right; B missed
        sentence("O O", line=6),
        sentence("B-A O B-B I-B", 1, 9),  # A taken for B; boundary; one invented
    ]
    predicted = [("B-A", "I-A", "O", "O"), ("O", "O"), ("B-B", "B-A", "B-B", "O")]
    return tag_report(sentences, predicted, TAGS)


def test_a_report_by_hand(report):
    assert (report.sentences, report.words, report.accuracy) == (3, 10, 0.6)
    every, a, b = report.figures
    assert (every.gold, every.predicted, every.right) == (4, 4, 1)
    assert (a.name, a.f1, b.name, b.f1) == ("A", 0.5, "B", 0)
    assert report.kinds == {
        "right": 1, "type": 1, "boundary": 1, "both": 0, "missed": 1, "invented": 1
    }  # fmt: skip
    assert set(report.confusion) == {
        Confused("A", "A", 1), Confused("B", "B", 1), Confused("A", "B", 1),
        Confused("B", NONE, 1), Confused(NONE, "A", 1),
    }  # fmt: skip
    assert [(one.index, one.place, one.errors) for one in report.worst] == [
        (2, "f, line 9", 3),
        (0, "f, line 1", 1),
    ]
    assert report.worst[0].gold == "⟦w0 A⟧ w1 ⟦w2 w3 B⟧"
    assert report.worst[0].predicted == "⟦w0 B⟧ ⟦w1 A⟧ ⟦w2 B⟧ w3"


def test_its_text_says_the_same(report):
    lines = str(report).splitlines()
    assert lines[0] == "sentences 3  words 10  accuracy 0.6000"
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["all"] == ["0.2500", "0.2500", "0.2500", "4", "4"]
    assert [rows[kind][0] for kind in KINDS] == ["1", "1", "1", "0", "1", "1"]
    assert lines[-4].split() == ["gold", "A", "B", NONE, "predicted"]
    assert [line.split()[1:] for line in lines[-3:]] == [["1", "1", "0"], ["0", "1", "1"],
                                                        ["1", "0", "0"]]  # fmt: skip
    assert str(report.worst[1]).splitlines() == [
        "f, line 1: 1 error",
        "  gold       ⟦w0 w1 A⟧ w2 ⟦w3 B⟧",
        "  predicted  ⟦w0 w1 A⟧ w2 w3",
    ]


def test_the_worst_come_first_and_only_so_many():
    sentences = [sentence("B-A B-A B-A", line=1 + 4 * number) for number in range(5)]
    wrong = [1, 3, 0, 2, 3]
    predicted = [["O"] * count + ["B-A"] * (3 - count) for count in wrong]
    report = tag_report(sentences, predicted, TAGS, most=3)
    assert [(one.index, one.errors) for one in report.worst] == [(1, 3), (4, 3), (3, 2)]


def test_long_sentences_are_wrapped_between_words():
    words = tuple(f"word-{place}" for place in range(40))
    tags = ("B-A", *["I-A"] * 19, *["O"] * 20)
    report = tag_report([Sentence(words, tags, 0, "f", (1,))], [["O"] * 40], TAGS)
    lines = str(report.worst[0]).splitlines()
    assert max(map(len, lines)) <= 100
    gold = " ".join(line[13:] for line in lines[1:] if "predicted" not in line)
    assert gold.startswith("⟦word-0 word-1 ")
    assert "word-19 A⟧ word-20" in gold


def test_plain_tags_are_entities_of_one_word():
    sentences = [sentence("DT NN VB"), sentence("DT NN", line=5)]
    report = tag_report(sentences, [("DT", "VB", "VB"), ("DT", "NN")], PLAIN)
    assert report.accuracy == report.figures[0].f1 == 0.8
    assert report.kinds == dict.fromkeys(KINDS, 0) | {"right": 4, "type": 1}
    assert Confused("NN", "VB", 1) in report.confusion
    (worst,) = report.worst
    assert (worst.gold, worst.predicted) == ("w0 ⟦w1 NN⟧ w2", "w0 ⟦w1 VB⟧ w2")


def test_of_many_types_only_the_most_confused_are_printed():
    names = [f"T{number:02}" for number in range(12)]
    tag_set = TagSet(tuple(names))
    tags = [names[0]] * 5 + names
    predicted = [names[1]] * 3 + [names[2]] * 2 + names[:-1] + [names[0]]
    report = tag_report([sentence(" ".join(tags))], [predicted], tag_set)
    lines = str(report).splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["3", "T00", "taken", "for", "T01"],
        ["2", "T00", "taken", "for", "T02"],
        ["1", "T11", "taken", "for", "T00"],
    ]
    assert not any(line.startswith("T05") for line in lines)


def test_the_files_of_a_report(report, tmp_path):
    write_report(tmp_path, "ner, seed 1", report, ["so it is"])
    content = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert content["figures"][0]["f1"] == 0.25
    assert content["kinds"]["missed"] == 1
    assert content["worst"][0]["gold"] == "⟦w0 A⟧ w1 ⟦w2 w3 B⟧"
    text = (tmp_path / "report.md").read_text("utf-8")
    assert text.startswith("# ner, seed 1\n\n## Warnings\n\n- so it is\n")
    assert "| all | 0.2500 | 0.2500 | 0.2500 | 4 |" in text
    assert "| missed: nothing was found there | 1 |" in text
    assert text.index("f, line 9: 3 errors") < text.index("f, line 1: 1 error\n")


def test_marks_stand_around_all_words_of_an_entity():
    assert marked(["a", "b", "c"], [Entity("X", 0, 0), Entity("Y", 1, 2)]) == "⟦a X⟧ ⟦b c Y⟧"


# --- columns --------------------------------------------------------------------------------------


def test_columns_by_hand(tmp_path):
    sentences = [
        Sentence(("New York", "is\u00a0big"), ("I-A", "O"), 0, "f", (1,)),
        Sentence(("a",), ("I-A",), 0, "f", (2,)),
        Sentence(("b", "c"), ("I-A", "B-A"), 1, "f", (3,)),
    ]
    predicted = [("B-A", "O"), ("O",), ("B-B", "I-B")]
    path = tmp_path / "predictions.txt"
    write_columns(path, sentences, predicted, TAGS)
    assert path.read_text("utf-8") == (
        "-DOCSTART- O O\n\nNew_York B-A B-A\nis_big O O\n\na B-A O\n\n"
        "-DOCSTART- O O\n\nb B-A B-B\nc B-A I-B\n\n"
    )


def test_without_gold_tags_or_several_documents(tmp_path):
    sentences = [Sentence(("a", "b")), Sentence(("c",))]
    path = tmp_path / "predictions.txt"
    write_columns(path, sentences, [("B-A", "O"), ("B-B",)], TAGS)
    assert path.read_text("utf-8") == "a B-A\nb O\n\nc B-B\n\n"


@pytest.mark.real
def test_the_whole_of_testa(real_data, tmp_path):
    """Its gold tags, damaged: the counts add up, and the file has everything again."""
    sentences = read_sentences(real_data / "conll2003" / "eng.testa")
    tag_set = TagSet.of(sentences)
    rng = random.Random(0)
    predicted = [
        tuple(rng.choice(tag_set.names) if rng.random() < 0.1 else tag for tag in tag_set.tags(s))
        for s in sentences
    ]
    report = tag_report(sentences, predicted, tag_set)
    every = report.figures[0]
    assert every.gold == 5942
    assert report.kinds["right"] == every.right
    assert sum(report.kinds.values()) - report.kinds["invented"] == every.gold
    assert sum(report.kinds.values()) - report.kinds["missed"] == every.predicted
    assert min(report.kinds.values()) > 10
    for one in report.figures[1:]:
        rows = Counter({c: c.count for c in report.confusion})
        assert sum(count for c, count in rows.items() if c.gold == one.name) == one.gold
        assert sum(count for c, count in rows.items() if c.predicted == one.name) == one.predicted

    path = tmp_path / "predictions.txt"
    write_columns(path, sentences, predicted, tag_set)
    again = read_sentences(path)
    assert [s.tags for s in again] == predicted
    assert [(s.words, s.document) for s in again] == [(s.words, s.document) for s in sentences]
    rows = [line.split(" ") for line in path.read_text("utf-8").splitlines() if line]
    gold = [tag for s in sentences for tag in tags_of(entities_of(s.tags), len(s.words))]
    assert [row[1] for row in rows if row[0] != DOCUMENT] == gold
    assert {len(row) for row in rows} == {3}
