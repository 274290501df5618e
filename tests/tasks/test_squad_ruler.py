"""The ruler, drawn by hand; and that what it draws lies under the characters that it means."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from minibert import BertTokenizer
from minibert.errors import ConfigError, DataError
from minibert.tasks.characters import GRAPHEME
from minibert.tasks.squad.reading import Answer, Question, read_squad
from minibert.tasks.squad.ruler import (
    AS_BEFORE,
    BRACKET,
    LEFT_TO_RIGHT,
    MARGIN,
    Line,
    Span,
    draw_ruler,
    visible,
)

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] who den ##ver won , it 日".split()


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer({piece: number for number, piece in enumerate(VOCABULARY)})


def drawn(tokenizer, context, *answers, width=40, **sizes):
    question = Question("q1", "Who won", context, tuple(Answer(*answer) for answer in answers))
    return draw_ruler(question, tokenizer, width=width, **sizes)


DRAWN = """\
question    Who won
            q1, 2 word pieces
context     25 characters, 5 words, 8 word pieces, 4 windows
answer      'ver won', characters 3 to 10

characters  ╷0        ╷10       ╷20
context     Denver won it, Denver won
words       └0───┘ └1┘ └2┘ └3───┘ └4┘
pieces      └0┘└1┘ └2┘ └┘│ └5┘└6┘ └7┘
answer         ╘═════╛
window 1    ━━━━━━━━━━
window 2           ────━━━
window 3                 ──━━━━━━
window 4                      ────━━━

window 1    word pieces 0 to 2, characters 0 to 10
            [CLS] 2 of the question [SEP] 3 of the context [SEP]: 8 of 8 positions
            label start 5, end 6: ##ver won

window 2    word pieces 2 to 4, characters 7 to 14
            [CLS] 2 of the question [SEP] 3 of the context [SEP]: 8 of 8 positions
            label [CLS]: the answer, word pieces 1 to 2, has only 1 of its 2 in this window

window 3    word pieces 4 to 6, characters 13 to 21
            [CLS] 2 of the question [SEP] 3 of the context [SEP]: 8 of 8 positions
            label [CLS]: the answer, word pieces 1 to 2, ends before this window

window 4    word pieces 6 to 7, characters 18 to 25
            [CLS] 2 of the question [SEP] 2 of the context [SEP]: 7 of 8 positions
            label [CLS]: the answer, word pieces 1 to 2, ends before this window"""


def test_all_of_it_by_hand(tokenizer):
    """Room for three pieces, step two."""
    context = "Denver won it, Denver won"
    assert drawn(tokenizer, context, ("ver won", 3), max_length=8, doc_stride=2) == DRAWN


def test_an_answer_inside_a_piece_is_drawn_beside_what_becomes_of_it(tokenizer):
    lines = drawn(tokenizer, "won Denver", ("en", 5)).splitlines()
    assert lines[3].endswith(
        "'en', characters 5 to 7; the smallest run of word pieces around it is 'Den'"
    )
    assert "answer           ▔▔" in lines
    assert "  becomes       ╘═╛" in lines


def test_lines_begin_anew_where_the_context_does_and_wide_letters_take_two_columns(tokenizer):
    lines = drawn(tokenizer, "won\n日won it won", ("日", 4), width=MARGIN + 10).splitlines()
    start = lines.index("context     won␊")
    assert lines[start + 1 : start + 4] == [
        "words       └0┘",
        "pieces      └0┘",
        "window 1    ━━━━",
    ]
    start = lines.index("context     日won it ")
    assert lines[start + 1 : start + 4] == [
        "words       └1──┘ └┘",
        "pieces      └┘└2┘ └┘",
        "answer      ╘╛",
    ]


@pytest.mark.parametrize(
    ("context", "answers", "label"),
    [
        ("won it", [], "label [CLS]: the context does not answer the question"),
        ("won it", [("it", 0)], "label none: no answer has a place in the context"),
        ("won it", [("it", 0), ("won", 0)], "label start 4, end 4: won"),
        ("won , , , it", [("it", 10)], "label [CLS]: the answer, word piece 4, begins behind"),
    ],
)
def test_why_a_window_is_labelled_as_it_is(tokenizer, context, answers, label):
    text = drawn(tokenizer, context, *answers, max_length=9 - (len(answers) == 2), doc_stride=1)
    assert f"            {label}" in text


def test_an_answer_that_is_not_there_is_said_to_be_so(tokenizer):
    assert "'it', characters 0 to 2: they are not there" in drawn(tokenizer, "won it", ("it", 0))
    unseen = "' ', characters 3 to 4: no word piece stands for them"
    assert unseen in drawn(tokenizer, "won it", (" ", 3))


@pytest.mark.parametrize("length", ["doc_stride", "max_query_length", "width"])
def test_lengths_that_cannot_be_are_refused(tokenizer, length):
    with pytest.raises(ConfigError, match=f"{length} must be at least .*, not -3"):
        drawn(tokenizer, "won it", **{length: -3})


def test_a_question_cannot_move_the_cursor(tokenizer):
    question = Question("q", "who\x1b[31m wo\u0308n?", "won it", ())
    assert draw_ruler(question, tokenizer).startswith("question    who\ufffd[31m wo\u0308n?\n")


def test_what_has_no_look_is_given_one():
    graphemes = ("a", "e\u0301", "\n", "\t", "\u200b", "\u2028", "日")
    assert [visible(grapheme) for grapheme in graphemes] == ["a", "e\u0301", *"␊␉··日"]


TEXT = st.text(
    st.sampled_from("ab \n\t日e\u0301\u200b\U0001f468\u200d한ש"), min_size=1, max_size=60
)


@given(TEXT, st.integers(4, 30))
@example("aa \u200d日", 4)  # the blank and what has no width are one grapheme
@settings(max_examples=100, deadline=None)
def test_what_is_drawn_stands_under_what_it_means(context, width):
    end = 0
    while end < len(context):
        line = Line(context, end, width)
        assert line.start == end < line.end
        end = line.end
        graphemes = GRAPHEME.findall(line.text.strip(LEFT_TO_RIGHT + AS_BEFORE))
        assert line.columns[-1] == sum(map(cell_len, graphemes)) <= width
        assert len(line.columns) == line.end - line.start + 1
        assert line.columns == sorted(line.columns)
        for place in range(line.start, line.end):
            row = line.draw([Span(place, place + 1)], BRACKET)
            left, right = line.columns[place - line.start : place - line.start + 2]
            assert row == " " * left + {0: "", 1: "│", 2: "└┘"}[right - left] or right == left


@pytest.mark.parametrize("width", [30, 100])
def test_a_question_of_the_sample_data_is_drawn_in_lines(root, width):
    questions = read_squad(root / "data" / "squad" / "dev-v2.0.json")
    question = next(question for question in questions if question.answers)
    words = question.context.split() + question.question.split()
    tokenizer = BertTokenizer.train(words, 1500, min_frequency=1)

    text = draw_ruler(question, tokenizer, max_length=60, doc_stride=20, width=width)

    rows = [(line[:MARGIN].strip(), line[MARGIN:]) for line in text.splitlines()]
    shown = [row for name, row in rows if name == "context"][1:]
    assert "".join(shown) == question.context
    assert all(len(row) <= width - MARGIN for row in shown)
    # What stands over the answers' rows is the answers
    over, covered = "", dict.fromkeys(("answer 1", "answer 2"), "")
    for name, row in rows:
        over = row if name == "context" else over
        if name in covered and "'" not in row:
            covered[name] += over[len(row) - len(row.lstrip()) : len(row)]
    assert tuple(covered.values()) == tuple(answer.text for answer in question.answers)


def test_a_question_that_fills_the_window_is_refused(tokenizer):
    with pytest.raises(DataError, match="question q1: its 2 word pieces leave no room"):
        drawn(tokenizer, "won it", max_length=5)
