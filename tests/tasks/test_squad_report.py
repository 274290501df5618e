"""Where answers fail: groups, the worst with their passages, a row for every question."""

import json

import pytest

from minibert.errors import ConfigError
from minibert.tasks.squad.reading import Answer, Question
from minibert.tasks.squad.report import (
    Report,
    answer_length,
    grouped,
    marked,
    question_word,
    score_files,
    worst,
    write_report,
    write_rows,
)
from minibert.tasks.squad.scoring import score


def scored(question, prediction, *golds, context="one two three four five", id="q"):
    answers = tuple(Answer(text, context.find(text)) for text in golds)
    return score(Question(id, question, context, answers), prediction)


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who was it?", "who"),
        ("To whom was it given?", "who"),
        ("Whose was it?", "who"),
        ("How many are there?", "how many"),
        ("By how MUCH?", "how much"),
        ("How is it?", "how"),
        ("In which year, and why?", "which"),
        ("What happened when?", "what"),
        ("Name the show.", "other"),
        ("Somewhere?", "other"),
    ],
)
def test_question_words(question, word):
    assert question_word(scored(question, "")) == word


@pytest.mark.parametrize(
    ("words", "length"),
    [
        (0, "no answer"),
        (1, "1 word"),
        (2, "2 words"),
        (3, "3 words"),
        (4, "4 to 5 words"),
        (5, "4 to 5 words"),
        (6, "6 to 10 words"),
        (10, "6 to 10 words"),
        (11, "11 words or more"),
    ],
)
def test_answer_lengths(words, length):
    golds = [" ".join(["word"] * words)] * bool(words)
    assert answer_length(scored("?", "", *golds)) == length


def test_groups_are_means_the_largest_first():
    scores = [
        scored("Who?", "one", "one"),
        scored("What?", "two three", "two"),
        scored("What?", "", "two"),
        scored("Why?", ""),
    ]
    groups = grouped(scores, question_word)
    assert [(g.name, g.questions, g.exact) for g in groups] == [
        ("what", 2, 0),
        ("who", 1, 100),
        ("why", 1, 100),
    ]
    assert groups[0].f1 == pytest.approx(100 / 3)
    lines = str(Report.of(scores)).splitlines()
    assert lines[1].split() == ["what", "2", "0.0", "33.3"]
    assert lines[-1].split() == ["no", "answer", "1", "100.0", "100.0"]


def test_the_worst_are_wrong_and_the_surest_come_first():
    scores = [
        scored("?", "one", "one", id="right"),
        scored("?", "one two", "one", id="half"),
        scored("?", "five", "one", id="doubtful"),
        scored("?", "five", "one", id="sure"),
    ]
    sure = {"right": 1.0, "half": 0.9, "doubtful": 0.2, "sure": 0.8}
    assert [s.question.id for s in worst(scores, 9, sure)] == ["sure", "doubtful", "half"]
    assert [s.question.id for s in worst(scores, 2)] == ["doubtful", "sure"]


@pytest.mark.parametrize(
    ("prediction", "golds", "passage"),
    [
        ("two", ["four"], "one «two» three ⟦four⟧ five"),
        ("two three", ["three"], "one «two ⟦three⟧» four five"),
        ("two three", ["two"], "one «⟦two⟧ three» four five"),
        ("three four", ["two three"], "one ⟦two «three⟧ four» five"),
        ("two", ["three"], "one «two» ⟦three⟧ four five"),
        ("two", ["two"], "one «⟦two⟧» three four five"),
        ("five", [], "one two three four «five»"),
        ("", ["one"], "⟦one⟧ two three four five"),
        ("six", ["one"], "⟦one⟧ two three four five"),
    ],
)
def test_both_answers_are_marked_in_the_passage(prediction, golds, passage):
    lines = marked(scored("What?", prediction, *golds)).splitlines()
    assert passage in lines
    assert lines[1] == "question  What?"
    assert ("not in the passage" in lines[3]) == (prediction == "six")


def test_of_like_texts_the_one_nearest_to_the_right_answer_is_marked():
    context = "x y. x z. x y."
    answer = Answer("z", 7)
    found = score(Question("q", "?", context, (answer,)), "x")
    assert "x y. «x» ⟦z⟧. x y." in marked(found)


@pytest.mark.parametrize("start", [4, -1, 900])
def test_a_right_answer_that_does_not_stand_where_it_should_is_not_marked(start):
    context = "The mill was built in 1840."
    found = score(Question("q", "?", context, (Answer("1840", start),)), "mill")
    lines = marked(found).splitlines()
    assert lines[2] == "right     ⟦ 1840 ⟧, which does not stand where answer_start says"
    assert lines[4:] == ["The «mill» was built in 1840."]


def test_no_text_moves_the_cursor_or_breaks_a_row(tmp_path):
    found = scored("Who?\x1b[31m", "two", "one", context="one\x9b2J two", id="a\nb\tc")
    assert "question  Who?\ufffd[31m" in marked(found)
    assert "⟦one⟧\ufffd2J «two»" in marked(found)
    write_rows(tmp_path / "rows.tsv", [found])
    _, row = (tmp_path / "rows.tsv").read_text("utf-8").splitlines()
    assert row.split("\t")[:2] == ["a b c", "0"]


def test_a_negative_number_of_mistakes_is_refused(root):
    with pytest.raises(ConfigError, match="worst must be at least 0, not -1"):
        score_files(root / "data" / "squad" / "dev-v2.0.json", root / "none.json", most=-1)


def test_a_long_passage_is_wrapped():
    context = " ".join(["word"] * 60)
    lines = marked(scored("?", "", "word", context=context), width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert len(lines) > 9


def test_the_report_has_a_row_for_every_question(tmp_path):
    scores = [scored("Who\nis?", "two\tthree", "two", id="a"), scored("Why?", "", id="b")]
    write_rows(tmp_path / "report.tsv", scores)
    rows = [line.split("\t") for line in (tmp_path / "report.tsv").read_text().splitlines()]
    assert rows == [
        ["id", "exact", "f1", "question_word", "answer_length", "right", "given", "question"],
        ["a", "0", "0.6667", "who", "1 word", "two", "two three", "Who is?"],
        ["b", "1", "1.0000", "why", "no answer", "", "", "Why?"],
    ]


def test_the_report_of_a_run_shows_groups_and_mistakes(tmp_path):
    scores = [
        scored("Who *is* it?", "`two`", "four five", id="bad"),
        scored("Why?", "", id="right"),
    ]
    report = write_report(tmp_path, "squad-2.0, seed 3", scores, {"bad": 0.7}, ["all is lost"])

    assert (report.questions, report.exact, report.f1, report.mistakes) == (2, 50, 50, 1)
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["by_question_word"][0] == {
        "name": "who",
        "questions": 1,
        "exact": 0.0,
        "f1": 0.0,
    }
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("# squad-2.0, seed 3\n\n## Warnings\n\n- all is lost\n")
    assert "exact match **50.00**, F1 **50.00**" in text
    assert "| who | 1 | 0.0 | 0.0 |" in text
    assert "1 answers are no exact match; here are all of them" in text
    assert f"~~~~\n{marked(scores[0])}\n~~~~" in text
    assert len((tmp_path / "questions.tsv").read_text().splitlines()) == 3


def test_a_report_without_mistakes_says_so(tmp_path):
    write_report(tmp_path, "all", [scored("Why?", "")], {})
    assert "Not one of them is wrong." in (tmp_path / "report.md").read_text()
