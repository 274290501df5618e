"""Exact match and F1 by hand, the identities that hold for any answers, thresholds, and files."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert.errors import DataError
from minibert.tasks.squad.reading import Answer, Question, read_squad
from minibert.tasks.squad.scoring import (
    best_threshold,
    f1,
    gold_texts,
    metrics,
    normalize,
    read_null_odds,
    read_predictions,
    score,
    score_all,
)


def asked(*texts, id="q"):
    return Question(id, "?", " ".join(texts), tuple(Answer(text, 0) for text in texts))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The Denver  Broncos!", "denver broncos"),
        ("a an the", ""),
        ("an Anthem, theatre a-b", "anthem theatre ab"),  # articles are whole words
        ("U.S.", "us"),
        ("the-end", "theend"),  # punctuation goes first, so this is no article
        ("\u201cA\u201d \u2013 10\u00a0km", "\u201c \u201d \u2013 10 km"),  # no ASCII: it stays
        ("\tTHE\n\u00c9tat", "\u00e9tat"),
        (".", ""),
    ],
)
def test_what_is_left_for_comparison(text, left):
    assert normalize(text) == left


@pytest.mark.parametrize(
    ("prediction", "golds", "exact", "share"),
    [
        ("Denver Broncos", ["the Denver Broncos"], 1, 1),
        ("Denver", ["Denver Broncos"], 0, 2 / 3),  # precision 1, recall 1/2
        ("the big Denver Broncos team", ["Denver Broncos"], 0, 2 / 3),  # 2 of 4, 2 of 2
        ("new york new", ["new york new york"], 0, 6 / 7),  # words count as often as they come
        ("york york", ["new york"], 0, 1 / 2),
        ("Paris", ["London"], 0, 0),
        ("Paris", ["London", "Paris, France", "paris."], 1, 1),  # the best of several
        ("Paris", ["London", "Paris, France"], 0, 2 / 3),
        ("", ["Paris"], 0, 0),
        ("the", ["Paris"], 0, 0),
        ("", [], 1, 1),  # no answer, and none given
        ("the.", [], 1, 1),  # nothing is left of it
        ("Paris", [], 0, 0),
        ("", ["."], 1, 1),  # an answer of which nothing is left is none
        ("x", [".", "x"], 1, 1),
        ("", [".", "x"], 0, 0),
    ],
)
def test_scores_by_hand(prediction, golds, exact, share):
    found = score(asked(*golds), prediction)
    assert found.exact == exact
    assert found.f1 == pytest.approx(share)


def test_the_right_answer_shown_is_the_one_that_fits_best():
    question = asked("x y z", "q b c", "b c")
    assert score(question, "b c d").gold == "b c"
    assert score(question, "nothing of it").gold == "x y z"
    assert score(asked(), "x").gold == ""


WORDS = st.lists(st.sampled_from("the a Denver denver, Broncos 50 U.S. win!".split()), max_size=6)
ANSWERS = WORDS.map(" ".join)


@given(ANSWERS, ANSWERS)
@settings(max_examples=80, deadline=None)
def test_f1_is_a_share_and_the_same_both_ways(one, other):
    one, other = normalize(one), normalize(other)
    assert 0 <= f1(one, other) <= 1
    assert f1(one, other) == f1(other, one)
    assert f1(one, one) == 1
    assert (f1(one, other) == 1) >= (one == other)


@given(st.lists(ANSWERS, max_size=4), ANSWERS)
@settings(max_examples=80, deadline=None)
def test_with_several_right_answers_the_best_counts(golds, prediction):
    question = asked(*golds)
    found = score(question, prediction)
    alone = [score(asked(text), prediction) for text in gold_texts(question)]
    assert found.exact == max(one.exact for one in alone)
    assert found.f1 == max(one.f1 for one in alone)
    assert found.exact <= found.f1
    for text in gold_texts(question):
        assert score(question, text)[3:] == (1, 1)


def test_the_right_answers_score_a_hundred_and_none_what_is_not_answerable(root):
    questions = read_squad(root / "data" / "squad" / "dev-v2.0.json")
    right = {question.id: gold_texts(question)[0] for question in questions}
    found = metrics(score_all(questions, right))
    assert list(found) == "exact f1 HasAns_exact HasAns_f1 NoAns_exact NoAns_f1".split()
    assert set(found.values()) == {100.0}
    nothing = metrics(score_all(questions, dict.fromkeys(right, "")))
    impossible = sum(not question.answers for question in questions)
    assert nothing["exact"] == nothing["f1"] == pytest.approx(100 * impossible / len(questions))
    assert (nothing["HasAns_f1"], nothing["NoAns_f1"]) == (0, 100)


@pytest.mark.real
@pytest.mark.parametrize("name", ["dev-v1.1", "dev-v2.0", "train-v2.0"])
def test_the_right_answers_score_a_hundred_on_the_real_files(real_data, name):
    questions = read_squad(real_data / "squad" / f"{name}.json")
    for place in (0, -1):
        right = {question.id: gold_texts(question)[place] for question in questions}
        found = metrics(score_all(questions, right))
        assert set(found.values()) == {100.0}
        assert ("HasAns_f1" in found) == (name != "dev-v1.1")


def test_with_only_one_kind_of_question_the_other_has_no_score():
    answerable = [asked("x", id="a"), asked("y", id="b")]
    found = metrics(score_all(answerable, {"a": "x", "b": "x"}))
    assert found == {"exact": 50, "f1": 50}
    none = metrics(score_all([asked()], {"q": ""}))
    assert none == {"exact": 100, "f1": 100, "NoAns_exact": 100, "NoAns_f1": 100}


# --- thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "answerable", "odds", "expected"),
    [
        ([1, 1], [True, True], [3, 5], (100, 5)),  # answer all
        ([1, 0], [True, False], [1, 2], (100, 1)),  # the first alone
        ([0.5, 0, 1], [True, False, True], [1, 2, 3], (50, 1)),  # (1 + .5) / 3, and at 3: 1.5 / 3
        ([0, 1], [True, False], [1, 2], (50, np.nextafter(1.0, -np.inf))),
    ],
)
def test_thresholds_by_hand(scores, answerable, odds, expected):
    found = best_threshold(np.array(scores, float), np.array(answerable), np.array(odds, float))
    assert found == pytest.approx(expected)


@given(
    st.lists(st.tuples(st.sampled_from([0, 0.5, 1]), st.booleans(), st.integers(-2, 2)), min_size=1)
)
@settings(max_examples=100, deadline=None)
def test_no_other_threshold_is_better(rows):
    scores, answerable, odds = (np.array(column) for column in zip(*rows, strict=True))
    found = best_threshold(scores.astype(float), answerable, odds.astype(float))

    def mean_score(threshold):
        return 100 * np.where(odds <= threshold, scores, ~answerable).mean()

    assert found.score == pytest.approx(mean_score(found.threshold))
    tried = {threshold: mean_score(threshold) for threshold in (-3, *odds)}
    assert found.score == pytest.approx(max(tried.values()))
    assert all(
        found.threshold <= threshold
        for threshold, value in tried.items()
        if threshold in odds and value > found.score - 1e-9
    )


def test_with_null_odds_the_best_thresholds_are_found():
    questions = [asked("x", id="a"), asked(id="b"), asked("y z", id="c")]
    scores = score_all(questions, {"a": "x", "b": "wrong", "c": "y"})
    found = metrics(scores, {"a": -1.0, "b": 0.5, "c": 2.0})
    assert found["exact"] == pytest.approx(100 / 3)
    assert found["best_exact"] == pytest.approx(200 / 3)
    assert found["best_exact_threshold"] == -1.0
    assert found["best_f1"] == pytest.approx(200 / 3)
    assert found["best_f1_threshold"] == -1.0


# --- files ----------------------------------------------------------------------------------------


def test_missing_and_unknown_ids_are_refused_by_name():
    questions = [asked("x", id=id) for id in "abcde"]
    with pytest.raises(DataError, match="4 questions have none, such as b, c, d; 1 ids are unknow"):
        score_all(questions, {"a": "x", "z": "x"})
    with pytest.raises(DataError, match=r"predictions do not belong .*: 1 ids .* z"):
        score_all(questions, dict.fromkeys("abcdez", "x"))
    with pytest.raises(DataError, match=r"the null odds do not belong .* 5 questions have none"):
        metrics(score_all(questions, dict.fromkeys("abcde", "x")), {})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": 3}', "p.json: a: must be a text, not 3"),
        ('{"a": null}', "p.json: a: must be a text, not null"),
        ('["x"]', "must be an object with the questions' ids"),
        ('{"a": "x", "a": "y"}', "an object names 'a' twice"),
        ('{"a": "x"', "no JSON at line 1, column 10"),
    ],
)
def test_files_that_hold_no_predictions_are_refused(tmp_path, content, fault):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(DataError, match=fault):
        read_predictions(path)


@pytest.mark.parametrize("value", ["x", None, True, float("nan"), float("inf")])
def test_odds_that_are_no_numbers_are_refused(tmp_path, value):
    path = tmp_path / "odds.json"
    path.write_text(json.dumps({"a": value}))
    with pytest.raises(DataError, match=r"odds\.json: a: must be a number, not"):
        read_null_odds(path)
    for digits in (400, 5000):
        path.write_text('{"a": 1' + digits * "0" + "}")
        with pytest.raises(DataError, match=r"odds\.json: .*a number of .* digits"):
            read_null_odds(path)
    path.write_text('{"a": 3, "b": -0.5}')
    assert read_null_odds(path) == {"a": 3.0, "b": -0.5}
