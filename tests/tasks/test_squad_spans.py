"""From logits to answers: the best spans by trying all, no answer, probabilities, and the files."""

import json
import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibert import BertTokenizer
from minibert.errors import DataError
from minibert.tasks.squad import spans
from minibert.tasks.squad.reading import Answer, Question
from minibert.tasks.squad.scoring import (
    metrics,
    read_null_odds,
    read_predictions,
    score_all,
    tuned_threshold,
)
from minibert.tasks.squad.spans import Predictions, best_spans
from minibert.tasks.squad.windows import Windows

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] who ? a b c d e f g h".split()


@cache
def letters():
    return BertTokenizer({piece: number for number, piece in enumerate(VOCABULARY)})


def windows_of(*contexts, max_length=9, doc_stride=2):
    """Room for 5 pieces: [CLS] who [SEP] . . . . . [SEP]"""
    questions = [Question(f"q{n}", "who", context, ()) for n, context in enumerate(contexts)]
    return Windows(questions, letters(), max_length, doc_stride)


def put(windows, **scores):
    """Logits of 0 but for these: start_1_3=5 is position 3 of window 1."""
    logits = np.zeros((len(windows.ids), 2), dtype=np.float32)
    for name, value in scores.items():
        side, row, position = name.split("_")
        logits[windows.starts[int(row)] + int(position), ("start", "end").index(side)] = value
    return logits


def best_text(windows, logits, **sizes):
    return Predictions(windows, logits, **sizes).texts(None)["q0"]


def test_the_answer_is_cut_from_the_context_as_it_stands():
    windows = windows_of("A  b\tC d")
    assert best_text(windows, put(windows, start_0_4=5, end_0_5=5)) == "b\tC"
    assert best_text(windows, put(windows, start_0_3=5, end_0_4=5)) == "A  b"


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ({"start_0_5": 9, "end_0_3": 9, "end_0_6": 1}, "c d"),  # an end before its beginning
        ({"start_0_1": 9, "start_0_4": 1, "end_0_4": 1}, "b"),  # nothing of the question
        ({"end_0_8": 9, "start_0_6": 1, "end_0_7": 1}, "d e"),  # and not [SEP]
        ({"start_0_0": 9, "end_0_0": 9, "start_0_3": 1, "end_0_3": 1}, "a"),  # nor [CLS]
    ],
)
def test_spans_lie_in_the_context_and_run_forward(scores, text):
    windows = windows_of("a b c d e")
    assert best_text(windows, put(windows, **scores)) == text


def test_spans_are_at_most_so_many_pieces_long():
    windows = windows_of("a b c d e")
    logits = put(windows, start_0_3=9, end_0_7=9, end_0_5=1)
    assert best_text(windows, logits, longest=5) == "a b c d e"
    assert best_text(windows, logits, longest=4) == "a b c"
    assert best_text(windows, logits, longest=1) == "a"


def test_a_span_begins_in_the_window_that_shows_it_best():
    """a b c d e | c d e f g: e is best shown in the second (1 beside it), c in the first (2)."""
    windows = windows_of("a b c d e f g")
    assert len(windows) == 2
    # e, at position 7 of the first window, has no say there; f has
    assert best_text(windows, put(windows, start_0_7=9, start_1_6=1)) == "f"
    # in the second it has
    assert best_text(windows, put(windows, start_1_5=9)) == "e"
    assert best_text(windows, put(windows, start_1_3=9, start_0_4=1)) == "b"


def by_trying(windows, logits, size, longest):
    """For each question all spans by Python: [(score, window, first, last)], best first."""
    found = {row: [] for row in range(len(windows.questions))}
    for row, owner in enumerate(windows.owners.tolist()):
        base = int(windows.starts[row])
        inside = [p for p in range(windows.lengths[row]) if windows.char_starts[base + p] >= 0]
        for first in inside:
            for last in inside:
                if first <= last < first + longest and windows.max_context[base + first]:
                    score = float(logits[base + first, 0]) + float(logits[base + last, 1])
                    found[owner].append((-score, row, first, last))
    return [sorted(found[owner])[:size] for owner in found]


@given(
    st.lists(st.integers(1, 16), min_size=1, max_size=5),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 64]),
)
@settings(max_examples=120, deadline=None)
def test_the_best_spans_are_those_of_trying_all(lengths, size, longest, seed, steps):
    """Order included; logits of whole numbers are full of ties."""
    chance = np.random.default_rng(seed)
    windows = windows_of(*(" ".join(chance.choice(list("abcdefgh"), n)) for n in lengths))
    logits = (chance.normal(size=(len(windows.ids), 2)) * steps).round().astype(np.float32) / steps
    found = best_spans(windows, logits, size, longest)
    for row, expected in enumerate(by_trying(windows, logits, size, longest)):
        count = int(np.isfinite(found.scores[row]).sum())
        assert found.scores[row, :count].tolist() == [-score for score, *_ in expected]
        for rank, (_, window, first, last) in enumerate(expected):
            base = windows.starts[window]
            assert found.starts[row, rank] == windows.char_starts[base + first]
            assert found.ends[row, rank] == windows.char_ends[base + last]


def test_however_many_windows_are_looked_at_together_the_spans_are_the_same(monkeypatch):
    chance = np.random.default_rng(0)
    windows = windows_of(*(" ".join(chance.choice(list("abcdefgh"), n)) for n in range(1, 16)))
    logits = chance.normal(size=(len(windows.ids), 2)).astype(np.float32).round(1)
    expected = best_spans(windows, logits)
    for at_once in (1, 1000):
        monkeypatch.setattr(spans, "SUMS_AT_ONCE", at_once)
        for one, other in zip(best_spans(windows, logits), expected, strict=True):
            assert np.array_equal(one, other)


def test_pieces_that_share_a_character_begin_and_end_it_once():
    """The Hangul letter is three pieces; any span of them is the whole letter, and comes once."""
    tokenizer = BertTokenizer.train(["\ud55c \uad6d a"], 60, min_frequency=1)
    windows = Windows([Question("q", "a", "a\ud55c b", ())], tokenizer)
    found = best_spans(windows, np.zeros((len(windows.ids), 2), dtype=np.float32))
    places = [
        (start, end)
        for start, end, score in zip(found.starts[0], found.ends[0], found.scores[0], strict=True)
        if np.isfinite(score)
    ]
    assert len(places) == len(set(places))
    assert len(windows.ids) > 7 or places == [(0, 2), (0, 4), (3, 4)]


def test_where_no_span_is_short_enough_it_is_said():
    """A Hangul letter of three pieces, and answers of three, or two."""
    vocabulary = [*VOCABULARY, "\u1112", "##\u1161", "##\u11ab"]
    tokenizer = BertTokenizer({piece: number for number, piece in enumerate(vocabulary)})
    windows = Windows([Question("q7", "a", "\ud55c", ())], tokenizer)
    logits = np.zeros((len(windows.ids), 2), dtype=np.float32)
    assert Predictions(windows, logits, longest=3).texts(None) == {"q7": "\ud55c"}
    with pytest.raises(DataError, match="q7: no character of its context has at most 2 word piece"):
        Predictions(windows, logits, longest=2)


def test_no_answer_is_scored_by_the_window_that_believes_least_in_it():
    windows = windows_of("a b c d e f g", "a")
    logits = put(windows, start_0_0=3, end_0_0=1, start_1_0=1, end_1_0=2, start_2_0=7, start_2_3=2)
    predictions = Predictions(windows, logits)
    assert predictions.null_logits.tolist() == [[1, 2], [7, 0]]
    assert predictions.odds.tolist() == [3, 5]
    assert predictions.null_odds() == {"q0": 3.0, "q1": 5.0}
    assert predictions.texts(2.9) == {"q0": "", "q1": ""}
    assert predictions.texts(3) == {"q0": "a", "q1": ""}  # at the threshold it is answered
    assert predictions.texts(5) == predictions.texts(None) == {"q0": "a", "q1": "a"}


def test_candidates_and_their_probabilities():
    windows = windows_of("a b")
    logits = put(windows, start_0_0=1, start_0_4=2, end_0_4=np.log(2))
    candidates = Predictions(windows, logits).nbest(0, with_null=True)
    scores = [2 + np.log(2), 1, np.log(2), 0]
    shares = np.exp(scores) / np.exp(scores).sum()
    assert [one["text"] for one in candidates] == ["b", "", "a b", "a"]
    assert [one["probability"] for one in candidates] == pytest.approx(shares.tolist())
    assert [one["start_logit"] for one in candidates] == [2, 1, 0, 0]
    without = Predictions(windows, logits).nbest(0, with_null=False)
    assert [one["text"] for one in without] == ["b", "a b", "a"]
    assert sum(one["probability"] for one in without) == pytest.approx(1)
    assert len(Predictions(windows, logits, size=2).nbest(0, with_null=False)) == 2


def test_an_answer_in_words_with_its_place_and_sentence():
    windows = windows_of("a b. C d.", max_length=20)
    logits = put(windows, start_0_0=1, start_0_7=2, end_0_7=3, start_0_6=-1)
    predictions = Predictions(windows, logits)
    found = predictions.found(0, threshold=None)
    assert (found.text, found.start, found.end, found.sentence) == ("d", 7, 8, "C d.")
    assert found.probability == predictions.nbest(0, False)[0]["probability"]
    refused = predictions.found(0, threshold=-9)
    null = next(one for one in predictions.nbest(0, True) if not one["text"])
    assert refused == ("", 0, 0, null["probability"], "")
    assert predictions.found(0, threshold=0).text == "d"


def test_the_files_are_in_the_official_forms(tmp_path):
    windows = windows_of("a b \u00e9", "a")
    predictions = Predictions(windows, put(windows, start_0_4=3, end_0_5=3, start_1_0=4))
    predictions.write(tmp_path, threshold=0.0)
    files = {path.name: json.loads(path.read_text("utf-8")) for path in tmp_path.iterdir()}
    assert files["predictions.json"] == {"q0": "b \u00e9", "q1": ""}
    assert files["null_odds.json"] == {"q0": -6.0, "q1": 4.0}
    assert files["nbest_predictions.json"] == {
        "q0": predictions.nbest(0, True),
        "q1": predictions.nbest(1, True),
    }
    assert read_predictions(tmp_path / "predictions.json") == predictions.texts(0.0)
    assert read_null_odds(tmp_path / "null_odds.json") == predictions.null_odds()


def test_version_1_writes_no_odds_and_always_answers(tmp_path):
    windows = windows_of("a b")
    predictions = Predictions(windows, put(windows, start_0_0=9))
    predictions.write(tmp_path, threshold=None)
    assert {path.name for path in tmp_path.iterdir()} == {
        "predictions.json",
        "nbest_predictions.json",
    }
    nbest = json.loads((tmp_path / "nbest_predictions.json").read_text())
    assert [one["text"] for one in nbest["q0"]] == ["a", "a b", "b"]


def test_the_threshold_is_tuned_to_the_best_f1():
    contexts = ["a b", "c d", "e f", "g h"]
    windows = windows_of(*contexts)
    logits = put(windows, start_0_0=1, start_1_0=2, start_2_0=3, start_3_0=4)
    answers = [(Answer("a", 0),), (), (Answer("e", 0),), ()]
    windows.questions = [
        question._replace(answers=answer)
        for question, answer in zip(windows.questions, answers, strict=True)
    ]
    predictions = Predictions(windows, logits)
    # Best texts a, c, e, g with odds 1 to 4. Answering none scores 2 of 4, the first one 3 of 4,
    # the first two 2, three 3, all 2.
    assert tuned_threshold(predictions) == (75.0, 1.0)
    scores = score_all(windows.questions, predictions.texts(1.0))
    assert metrics(scores)["f1"] == 75.0


def test_a_thousand_questions_take_a_tenth_of_what_ten_thousand_may(tmp_path):
    """10 s for 10,000 questions in 12,000 windows of 384: on one core, and files included."""
    chance = np.random.default_rng(0)
    long, short = (" ".join(chance.choice(list("abcdefgh"), n)) for n in (420, 370))
    contexts = [long] * 200 + [short] * 800
    questions = [
        Question(f"q{n}", "who", context, (Answer(context[20:29], 20),) if n % 3 else ())
        for n, context in enumerate(contexts)
    ]
    windows = Windows(questions, letters(), doc_stride=128)
    logits = chance.normal(size=(len(windows.ids), 2)).astype(np.float32)
    assert len(windows) == 1200
    assert windows.lengths.max() == 384
    started = time.process_time()
    predictions = Predictions(windows, logits)
    threshold = tuned_threshold(predictions).threshold
    predictions.write(tmp_path, threshold)
    metrics(score_all(questions, predictions.texts(threshold)), predictions.null_odds())
    assert time.process_time() - started < 1.0
