"""Windows by hand and by Google's own loop; answers as the word pieces that cover them."""

import unicodedata
from functools import cache

import numpy as np
import pytest
import regex
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_runs import tiny_tokenizer

from minibert import BertTokenizer
from minibert.errors import ConfigError, DataError
from minibert.tasks.characters import grapheme_bounds, sentence_around
from minibert.tasks.overlap import Run, max_context, window_runs
from minibert.tasks.squad.reading import Answer, Question, read_squad
from minibert.tasks.squad.windows import (
    UNKNOWN,
    Pieces,
    Windows,
)

# --- windows and their flags, by hand -------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "room", "stride", "runs"),
    [
        (1, 5, 2, [(0, 0)]),
        (5, 5, 2, [(0, 4)]),  # fits exactly
        (6, 5, 2, [(0, 4), (2, 5)]),  # the last window is as short as it comes
        (9, 5, 2, [(0, 4), (2, 6), (4, 8)]),
        (10, 5, 2, [(0, 4), (2, 6), (4, 8), (6, 9)]),
        (10, 5, 5, [(0, 4), (5, 9)]),  # side by side
        (11, 5, 128, [(0, 4), (5, 9), (10, 10)]),  # never a gap, however long the step
        (4, 1, 1, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        # 384 positions less [CLS], two [SEP] and a question of 11
        (500, 370, 128, [(0, 369), (128, 497), (256, 499)]),
    ],
)
def test_windows_by_hand(pieces, room, stride, runs):
    assert window_runs(pieces, room, stride) == runs


def flags(runs):
    """The flags as text, one a window: x where the window counts."""
    return [
        "".join(".x"[int(flag)] for flag in row) for row in max_context([Run(*r) for r in runs])
    ]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0, 3)], ["xxxx"]),
        # Piece 2 has 2 to its left and 2 to its right in the first window: 2.05. In the second it
        # comes first: 0.05. Piece 3: 1.05 and 1.05, and the first window wins.
        ([(0, 4), (2, 6)], ["xxxx.", "..xxx"]),
        # Piece 3: 0.04 in the first window (its end), 1.04 in the second.
        ([(0, 3), (2, 5)], ["xxx.", ".xxx"]),
        # The last window is shorter. Piece 3: 1.05 and 0.04. Piece 4: 0.05 and 1.04.
        ([(0, 4), (3, 6)], ["xxxx.", ".xxx"]),
        # Three windows over each other: piece 2 is the middle of the first, 3 of the second, 4 of
        # the third.
        ([(0, 4), (1, 5), (2, 6)], ["xxx..", "..x..", "..xxx"]),
    ],
)
def test_the_window_that_counts_by_hand(runs, expected):
    assert flags(runs) == expected


def test_length_is_worth_a_hundredth_of_a_piece_each():
    """Piece 300: 99 + 4.00 in the first window; in the second, 101 pieces shorter, 100 + 2.99."""
    long, short = Run(0, 399), Run(200, 498)
    first, second = max_context([long, short])
    assert first[300]
    assert not second[300 - 200]
    assert second[301 - 200]  # 98 + 4.00 against 101 + 2.99


def googles_windows(pieces, room, stride):
    """run_squad's loop over a document, in its own order."""
    runs, start = [], 0
    while start < pieces:
        length = min(pieces - start, room)
        runs.append((start, start + length - 1))
        if start + length == pieces:
            break
        start += min(length, stride)
    return runs


def googles_flags(runs):
    """For each window and piece, whether it is the window in which the piece is scored best."""
    found = []
    for number, (first, last) in enumerate(runs):
        row = []
        for piece in range(first, last + 1):
            best, best_window = None, None
            for other, (begin, end) in enumerate(runs):
                if begin <= piece <= end:
                    score = min(piece - begin, end - piece) + 0.01 * (end - begin + 1)
                    if best is None or score > best:
                        best, best_window = score, other
            row.append(best_window == number)
        found.append(row)
    return found


@given(st.integers(1, 60), st.integers(1, 30), st.integers(1, 40))
@settings(deadline=None)
def test_windows_and_flags_are_those_of_the_loops(pieces, room, stride):
    runs = window_runs(pieces, room, stride)
    assert runs == googles_windows(pieces, room, stride)
    marked = max_context(runs)
    assert [row.tolist() for row in marked] == googles_flags(runs)
    # Every piece counts in one window, and those of a window follow each other
    counted = np.concatenate(
        [np.flatnonzero(row) + run.first for row, run in zip(marked, runs, strict=True)]
    )
    assert counted.tolist() == list(range(pieces))


# --- features -------------------------------------------------------------------------------------

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] who did it ? a b c d e f g h ##b ##c . old".split()
IDS = {piece: number for number, piece in enumerate(VOCABULARY)}
PAD, CLS, SEP = IDS["[PAD]"], IDS["[CLS]"], IDS["[SEP]"]


@cache
def letters():
    return BertTokenizer(IDS)


def asked(context, *answers, id="q", question="who did it ?"):
    return Question(id, question, context, tuple(Answer(*answer) for answer in answers))


def windows_of(*questions, **settings):
    return Windows(questions, letters(), **settings)


def test_one_window_by_hand():
    windows = windows_of(asked("a b c d", ("c d", 4)))
    inputs = windows.batch([0]).inputs
    names = "[CLS] who did it ? [SEP] a b c d [SEP]".split()
    assert inputs["input_ids"].tolist() == [[IDS[name] for name in names]]
    assert inputs["token_type_ids"].tolist() == [[0] * 6 + [1] * 5]
    assert inputs["attention_mask"].tolist() == [[1] * 11]
    assert windows.labels.tolist() == [[8, 9]]
    assert windows.char_starts.tolist() == [-1] * 6 + [0, 2, 4, 6, -1]
    assert windows.char_ends.tolist() == [-1] * 6 + [1, 3, 5, 7, -1]
    assert windows.max_context.tolist() == [False] * 6 + [True] * 4 + [False]
    assert windows.owners.tolist() == [0]


def test_several_windows_by_hand():
    """Room for 4 pieces, step 2: a b c d | c d e f | e f g. The answer d e is in the second."""
    question = asked("a b c d e f g", ("d e", 6))
    windows = windows_of(question, asked("h", ("h", 0), id="r"), max_length=11, doc_stride=2)
    assert windows.lengths.tolist() == [11, 11, 10, 8]
    assert windows.owners.tolist() == [0, 0, 0, 1]
    assert windows.labels.tolist() == [[0, 0], [7, 8], [0, 0], [6, 6]]
    shown = [windows.batch([row]).inputs["input_ids"][0, 6:-1].tolist() for row in range(4)]
    assert shown == [[IDS[letter] for letter in word] for word in ("abcd", "cdef", "efg", "h")]


def test_a_batch_is_padded_to_its_longest_and_keeps_its_labels():
    questions = [asked("a b c", ("b", 2)), asked("a", ("a", 0), id="r")]
    windows = windows_of(*questions)
    batch = windows.batch([1, 0])
    short = [IDS[name] for name in "[CLS] who did it ? [SEP] a [SEP]".split()]
    assert batch.inputs["input_ids"][0].tolist() == short + [PAD] * 2
    assert batch.inputs["attention_mask"].tolist() == [[1] * 8 + [0] * 2, [1] * 10]
    assert batch.labels.tolist() == [[6, 6], [7, 7]]
    assert len(windows) == 2
    assert batch.labels.dtype == torch.int64


def test_many_at_once_or_few_the_windows_are_the_same():
    questions = [
        asked("a b c d e f"[: 2 * n], ("a", 0), id=f"{n}{m}") for n in (1, 4, 6) for m in range(3)
    ]
    one, other = (windows_of(*questions, max_length=9, at_once=n) for n in (2, 4096))
    for name in ("ids", "segments", "char_starts", "char_ends", "max_context", "owners", "starts"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert torch.equal(one.labels, other.labels)


@pytest.mark.parametrize(
    ("context", "answer", "label", "cut"),
    [
        ("a b a b", ("a b", 4), (8, 9), "a b"),  # the second of two that look alike
        ("a b a b", ("a b", 0), (6, 7), "a b"),
        ("a b c", (" b", 1), (7, 7), "b"),  # a blank in front
        ("a b c", ("b ", 2), (7, 7), "b"),  # and behind
        ("a\tb\nc", ("\tb\n", 1), (7, 7), "b"),
        ("abc d", ("bc", 1), (7, 8), "bc"),  # a ##b ##c: at pieces' ends
        ("old d", ("ld d", 1), (6, 7), "old d"),  # begins inside a piece
        ("d old", ("d o", 0), (6, 7), "d old"),  # ends inside one
        ("old", ("l", 1), (6, 6), "old"),
        ("a. b", ("a", 0), (6, 6), "a"),
        ("xyz b", ("y", 1), (6, 6), "xyz"),  # inside an unknown word
        ("e\u0301 b", ("e", 0), (6, 6), "e\u0301"),  # the accent that follows comes along
        ("e\u0301 b", ("\u0301 b", 1), (6, 7), "e\u0301 b"),
    ],
)
def test_answers_become_runs_of_pieces(context, answer, label, cut):
    windows = windows_of(asked(context, answer))
    assert windows.labels.tolist() == [list(label)]
    start, end = label
    assert context[windows.char_starts[start] : windows.char_ends[end]] == cut
    told = [(found.id, found.answer, found.cut) for found in windows.inexact]
    assert told == ([] if cut == answer[0] else [("q", answer[0], cut)])


def test_of_several_right_answers_the_first_counts():
    assert windows_of(asked("a b c", ("b", 2), ("a b", 0))).labels.tolist() == [[7, 7]]


def test_an_answer_that_does_not_fit_is_told_of_and_never_dropped_unseen():
    fine = asked("a b c", ("b", 2), id="fine")
    wrong = asked("a b c", ("b", 3), ("c", 99), ("a", -1), id="wrong")
    second = asked("a b c", ("b", 0), ("c", 4), id="second")  # its other answer has a place
    blank = asked("a b c", (" ", 1), id="blank")
    none = asked("a b c", id="none")
    questions = [fine, wrong, second, blank, none]

    dev, train = (windows_of(*questions, training=training) for training in (False, True))

    for windows in (dev, train):
        assert [(m.id, m.answer.text, m.there) for m in windows.misplaced] == [
            ("wrong", "b", " "),
            ("wrong", "c", ""),
            ("wrong", "a", ""),
            ("second", "b", "a"),
            ("blank", " ", " "),
        ]
        assert "wrong: 'b' at 3, where ' ' is" in windows.report()
        unseen = "blank: ' ' at 1, for which the tokenizer has no word piece"
        assert unseen in windows.report()
    assert dev.questions == questions
    unknown = [UNKNOWN, UNKNOWN]
    assert dev.labels.tolist() == [[7, 7], unknown, [8, 8], unknown, [0, 0]]
    assert train.questions == [fine, second, none]
    assert (train.left_out, dev.left_out) == (["wrong", "blank"], [])
    assert train.report().startswith("3 questions, 3 windows, 2 questions left out")
    assert train.labels.tolist() == [[7, 7], [8, 8], [0, 0]]
    assert train.owners.tolist() == [0, 1, 2]


def test_the_report_counts_and_lists_all():
    questions = [asked("old b", ("ld", 1), id=f"q{n}") for n in range(12)]
    lines = windows_of(*questions, max_query_length=3).report().splitlines()
    assert lines == [
        "12 questions, 12 windows, 12 questions cut",
        "12 answers that do not begin and end where word pieces do:",
        *(f"  q{n}: 'ld' becomes 'old'" for n in range(12)),
    ]


def test_to_predict_no_labels_are_needed():
    windows = windows_of(asked("a b", id="p"), asked("a b")._replace(known=False))
    assert windows.labels is None
    assert windows.batch([0]).labels is None


def test_a_long_question_is_cut_and_counted():
    questions = [asked("a", question="who did it ? ?"), asked("a", question="who", id="r")]
    windows = windows_of(*questions, max_query_length=4)
    assert windows.truncated == 1
    names = "[CLS] who did it ? [SEP] a [SEP]".split()
    assert windows.batch([0]).inputs["input_ids"].tolist() == [[IDS[name] for name in names]]


def test_a_question_longer_than_the_window_is_refused_with_its_id():
    assert len(windows_of(asked("a"), max_length=8)) == 1
    with pytest.raises(DataError, match=r"question q: its 4 word pieces leave no room .* of 7"):
        windows_of(asked("a"), max_length=7)


@pytest.mark.parametrize("training", [True, False])
def test_a_context_in_which_nothing_is_seen_is_refused(training):
    with pytest.raises(DataError, match="question q: the tokenizer sees nothing in its context"):
        windows_of(asked("\u200b\u200b"), training=training)


@pytest.mark.parametrize("length", ["doc_stride", "max_query_length"])
def test_lengths_that_cannot_be_are_refused(length):
    with pytest.raises(ConfigError, match=f"{length} must be at least 1, not 0"):
        windows_of(asked("a"), **{length: 0})


@pytest.mark.parametrize("training", [True, False])
def test_a_set_in_which_no_answer_has_a_place_is_refused(training):
    """There is nothing in it to be learnt, nor a loss to be measured."""
    with pytest.raises(DataError, match=r"no answer has a place .* first is q: 'b' at 0, wher"):
        windows_of(asked("a", ("b", 0)), asked("a", ("c", 5), id="r"), training=training)


# --- any text at all ------------------------------------------------------------------------------

ALPHABETS = (
    "abc XYZ.,'-",
    "e\u0301o\u0308\u0323n\u0303 \u00e9\u00df\u0130\ufb01",  # combining marks, and ready-made
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f44d\U0001f3fd\u2764\ufe0f",  # emoji
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7 \u0031\ufe0f\u20e3",  # flags, keycaps
    "\u65e5\u672c\u8a9e\u304c\u30c6\u3099 \u4e2d",  # CJK, and a voiced mark
    "\ud55c\uad6d\u1112\u1161\u11ab \uc5b4",  # Hangul, ready-made and in letters
    "\u05e9\u05dc\u05d5\u05b9\u05dd \u0633\u0644\u0627\u0645\u064b",  # right to left
    "\u0915\u094d\u0937\u093f\u0928\u0940",  # Devanagari, with marks that take room
    "\u200b\u200c\u200d\u2060\ufeff\u00ad",  # of no width
    "\x00\x07\t\n\r\x7f\x85\ufffd\u2028\ue000",  # control characters and the like
)
TEXTS = st.lists(
    st.one_of(*(st.text(alphabet, min_size=1, max_size=6) for alphabet in ALPHABETS), st.text()),
    min_size=1,
    max_size=6,
).map("".join)
TEXTS = TEXTS.filter(bool)


@cache
def trained(lowercase):
    """A vocabulary that can cut all the alphabets anywhere."""
    texts = [" ".join(ALPHABETS), *(alphabet * 2 for alphabet in ALPHABETS)]
    return BertTokenizer.train(texts, 400, lowercase, min_frequency=1)


@pytest.mark.parametrize("lowercase", [True, False])
@given(context=TEXTS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_cut_holds_the_answer_and_splits_no_character(lowercase, context, data):
    check_cuts(trained(lowercase), context, data)


@pytest.mark.real
@given(context=TEXTS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_cut_with_the_real_vocabulary(real_data, context, data):
    check_cuts(real_tokenizer(real_data), context, data)


def check_cuts(tokenizer, context, data):
    """Any answer of a context, and any run of its pieces, which a model may predict."""
    encoding = tokenizer.encode(context)
    pieces = Pieces(context, encoding)
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    edges = {0, *(found.end() for found in regex.finditer(r"\X", context))}
    seen = [c for first, last in encoding.offsets[1:-1] for c in range(first, last)]
    # What the tokenizer sees of the answer, or of a grapheme that the answer has a part of
    wide = [max(e for e in edges if e <= start), min(e for e in edges if e >= end)]
    held = [place for place in seen if wide[0] <= place < wide[1]]

    run = pieces.holding(Answer(context[start:end], start))

    assert (run is None) == (not held)
    if run is None:
        return
    cut = pieces.starts[run.first], pieces.ends[run.last]
    assert pieces.text(run) == context[cut[0] : cut[1]]
    assert cut[0] <= min(held)
    assert max(held) < cut[1]
    assert {*cut} <= edges
    # As it was asked for, but for edges of which the tokenizer sees nothing
    unseen = {*range(start, end)} - {*range(*cut)}
    assert not unseen & {*seen}
    assert unseen == {*range(start, end)} - {*range(max(start, cut[0]), min(end, cut[1]))}
    # None smaller would do: both its ends have something of the answer
    for edge in run:
        assert pieces.starts[edge] < wide[1]
        assert pieces.ends[edge] > wide[0]

    first = data.draw(st.integers(0, len(pieces) - 1))
    last = data.draw(st.integers(first, len(pieces) - 1))
    assert {pieces.starts[first], pieces.ends[last]} <= edges
    assert pieces.starts[first] < pieces.ends[last]


@given(TEXTS)
@settings(deadline=None)
@example("a\r\nb")
@example("\r\n")
@example("plain")
def test_the_bounds_are_those_of_the_graphemes(text):
    bounds = grapheme_bounds(text)
    edges = [0, *(found.end() for found in regex.finditer(r"\X", text))]
    for place in range(len(text) + 1):
        assert bounds.left[place] == max(edge for edge in edges if edge <= place)
        assert bounds.right[place] == min(edge for edge in edges if edge >= place)


@pytest.mark.parametrize(
    ("text", "answer", "sentence"),
    [
        ("One. Two three. Four.", "three", "Two three."),
        ("One. Two three. Four.", "One", "One."),
        ("One. Two three. Four.", "Four", "Four."),
        ("One. Two three. Four.", "three. Four", "Two three. Four."),
        ("Is it? 'Yes!' she said.", "she", "she said."),
        ("A title\nand a line", "line", "and a line"),
        ("At 3.14 it ends. So.", "ends", "At 3.14 it ends."),
        ("\u4e00\u3002\u4e8c\u3002\u4e09", "\u4e8c", "\u4e8c\u3002"),
        ("\u300c\u4e00\u3002\u300d\u4e8c\u3002", "\u4e8c", "\u4e8c\u3002"),  # the quotation's end
        ("\u0645\u0627\u061f \u0646\u0639\u0645", "\u0646", "\u0646\u0639\u0645"),
        ("no stop", "stop", "no stop"),
    ],
)
def test_the_sentence_around_an_answer(text, answer, sentence):
    start = text.index(answer)
    assert sentence_around(text, start, start + len(answer)) == sentence


# --- the real files -------------------------------------------------------------------------------

FILES = ("train-v1.1", "dev-v1.1", "train-v2.0", "dev-v2.0")


@cache
def real_tokenizer(real_data):
    return BertTokenizer.from_pretrained(real_data / "vocab" / "bert-base-uncased.txt")


@cache
def real_questions(real_data):
    return {name: read_squad(real_data / "squad" / f"{name}.json") for name in FILES}


def smallest_cut(context, offsets, start, end):
    """The smallest run that covers the answer by trying, and the marks that follow."""
    covering = [(a, b) for a, b in offsets if b > start and a < end]
    first, last = covering[0][0], covering[-1][1]
    while last < len(context) and unicodedata.category(context[last])[0] == "M":
        last += 1
    return first, last


@pytest.mark.real
@pytest.mark.parametrize("lowercase", [True, False])
def test_every_answer_of_the_real_files(real_data, lowercase):
    questions = [q for some in real_questions(real_data).values() for q in some]
    if lowercase:
        tokenizer = real_tokenizer(real_data)
    else:
        contexts = list(dict.fromkeys(question.context for question in questions))
        tokenizer = BertTokenizer.train(contexts[::3], 8000, lowercase=False)
    inside = 0
    encoded = {}
    for question in questions:
        context = question.context
        if context not in encoded:
            encoding = tokenizer.encode(context)
            encoded[context] = Pieces(context, encoding), encoding.offsets[1:-1]
        pieces, offsets = encoded[context]
        for answer in question.answers:
            start, end = answer.start, answer.start + len(answer.text)
            run = pieces.holding(answer)
            cut = pieces.starts[run.first], pieces.ends[run.last]
            assert cut == smallest_cut(context, offsets, start, end), question.id
            whole = any(a == start for a, _ in offsets) and any(b == end for _, b in offsets)
            assert (pieces.text(run) == answer.text) == whole, question.id
            inside += not whole
    if lowercase:
        assert inside == 91  # as the data's own description says


@pytest.mark.real
@pytest.mark.parametrize(("name", "inexact"), [("dev-v1.1", 37), ("dev-v2.0", 25)])
def test_what_is_inexact_in_the_real_files_is_listed(real_data, name, inexact):
    questions = real_questions(real_data)[name]
    windows = Windows(questions, real_tokenizer(real_data), training=True)
    assert not windows.misplaced
    assert windows.questions == questions
    assert len(windows.inexact) == inexact
    assert all(one.answer in one.cut != one.answer for one in windows.inexact)


def test_windows_of_the_sample_data_hold_its_answers(root):
    questions = read_squad(root / "data" / "squad" / "train-v2.0.json")
    windows = Windows(questions, tiny_tokenizer(), training=True, max_length=64, doc_stride=16)
    assert windows.questions == questions
    assert len(windows) > 2 * len(questions)
    for row, (start, end) in enumerate(windows.labels.tolist()):
        question = questions[windows.owners[row]]
        if start:
            places = windows.starts[row] + np.array([start, end])
            cut = question.context[windows.char_starts[places[0]] : windows.char_ends[places[1]]]
            assert cut == question.answers[0].text
    held = {windows.owners[row] for row in np.flatnonzero(windows.labels[:, 0])}
    assert held == {row for row, question in enumerate(questions) if question.answers}
