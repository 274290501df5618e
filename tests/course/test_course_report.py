"""Reports for people and programs, hints, and `minibert check` as its users type it."""

import csv
import io
import json
import sys
from html.parser import HTMLParser

import pocket
import pytest

from minibert import cli
from minibert.course import checking
from minibert.course.comparison import Failure
from minibert.course.grader import Grade, Grader, Mark
from minibert.course.judging import Diagnosis
from minibert.course.report import Report, explanation
from minibert.course.syllabus import chapter_of
from minibert.errors import MinibertError

SOFT, COUNT, MEAN = pocket.EXERCISES
EVIL = '<script>alert("1")</script> & \'"'
TIE = Diagnosis(SOFT.mistakes, whole=True)
PARTLY = Diagnosis(COUNT.mistakes[:1], ("nothing", "a line"), "a row")


def failed(kind, message, *details, diagnosis=None, exercise=SOFT):
    failure = Failure(kind, message, "a row", details)
    return Mark(exercise, failure, failed=3, calls=4, diagnosis=diagnosis or Diagnosis())


WRONG = Grade(
    EVIL,
    (
        failed("wrong values", "result[0] is 1, expected 2", "line", diagnosis=TIE),
        failed("raises", f"ValueError: {EVIL}", EVIL, diagnosis=PARTLY, exercise=COUNT),
        Mark(MEAN),
    ),
)
RIGHT = Grade("=right", (Mark(SOFT), Mark(COUNT), Mark(MEAN)))
ONE = Report(chapter_of("03"), (WRONG,), 1.25)
CLASS = Report(chapter_of("03"), (WRONG, RIGHT), 90)


def test_the_terminal_shows_what_is_wrong_and_what_to_read():
    assert str(ONE).splitlines() == [
        f"chapter 03, Attention with a pencil: {EVIL}",
        "  masked_softmax    FAIL    0/3  wrong values",
        '      in the call "a row": result[0] is 1, expected 2',
        "      line",
        "      3 of 4 calls fail.",
        "      Your function gives what one gets with the mask applied after the softmax, or with "
        "the mask the wrong way round.",
        "      (No call tells these apart.)",
        "      Read tutorials/03_attention_with_a_pencil.ipynb, "
        '"The mask: words that are not there".',
        "  count_words       FAIL    0/2  raises",
        f'      in the call "a row": ValueError: {EVIL}',
        f"      {EVIL}",
        "      3 of 4 calls fail.",
        "      In 2 of them, your function gives what one gets with every word counted once; "
        'the call "a row" fails for another reason.',
        "      Read tutorials/01_words_to_numbers.ipynb.",
        "  mean_and_largest  pass    1/1",
        "1 of 6 points",
        "For a hint: minibert check 03 --hint NAME",
    ]
    assert "hint" not in str(Report(chapter_of("03"), (RIGHT,), 1))


def said(diagnosis, kind="wrong values"):
    return explanation(failed(kind, "m", diagnosis=diagnosis))[2]


def test_a_diagnosis_says_how_much_it_explains():
    one = SOFT.mistakes[:1]
    gives = "our function gives what one gets with the mask applied after the softmax"
    assert said(Diagnosis(one, ("a row",), whole=True)) == f"Y{gives}."
    happens = "This is what happens with the mask applied after the softmax."
    assert said(Diagnosis(one, ("a row",), whole=True), "raises") == happens
    assert said(Diagnosis(one, ("a row", "b"))) == f"In 2 of them, y{gives}."
    first = 'In the call "a row", y'
    besides = '; the call "b" fails for another reason.'
    assert said(Diagnosis(one, ("a row",), "b")) == f"{first}{gives}{besides}"
    assert said(Diagnosis(one, ("a row",), "b"), "raises").startswith(first)


def test_a_class_is_a_table_with_its_common_mistakes():
    lines = str(CLASS).splitlines()
    assert lines[0].split() == "learner masked_softmax count_words mean_and_largest points".split()
    assert lines[2].split() == "=right pass pass pass 6/6".split()
    assert "masked_softmax: mask-after or mask-backwards 1" in lines
    assert lines[-1] == "2 files, 1 with every exercise right; graded in 1.5 minutes"


def test_json_holds_everything():
    (learner, right) = CLASS.as_json()["learners"]
    assert CLASS.as_json().keys() == {"chapter", "title", "passed", "seconds", "learners"}
    assert (right["passed"], right["points"], right["possible"]) == (True, 6, 6)
    assert learner["exercises"][0] == {
        "name": "masked_softmax",
        "title": "Softmax over the keys that may be attended to",
        "passed": False,
        "points": 0,
        "possible": 3,
        "kind": "wrong values",
        "message": "result[0] is 1, expected 2",
        "call": "a row",
        "details": ["line"],
        "failed_calls": 3,
        "whole": True,
        "causes": [
            {"name": one.name, "says": one.says, "page": SOFT.page} for one in SOFT.mistakes
        ],
    }
    assert learner["exercises"][2]["kind"] is None


def test_gradescope_gets_its_form():
    results = ONE.as_gradescope()
    assert results["execution_time"] == 1
    first, _, last = results["tests"]
    assert (first["score"], first["max_score"], first["status"]) == (0, 3, "failed")
    assert (last["score"], last["max_score"], last["status"]) == (1, 1, "passed")
    assert [test["number"] for test in results["tests"]] == ["3.1", "3.2", "3.3"]
    assert first["output"].startswith("wrong values\n")
    assert {test["output_format"] for test in results["tests"]} == {"text"}
    with pytest.raises(MinibertError, match="one file at a time"):
        CLASS.as_gradescope()


def test_a_spreadsheet_gets_a_row_for_each_learner_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(CLASS.as_csv())))
    assert [row["learner"] for row in rows] == [EVIL, "'=right"]
    assert (rows[0]["masked_softmax"], rows[0]["mean_and_largest"]) == ("0", "1")
    assert (rows[0]["points"], rows[0]["possible"]) == ("1", "6")
    assert rows[0]["failures"] == "masked_softmax: wrong values; count_words: raises"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("report", [ONE, CLASS])
def test_nothing_a_learner_wrote_becomes_html(report):
    tags = Tags()
    tags.feed(report.as_html())
    assert "script" not in tags.seen
    # as the learner's name, as a message and as a line; in a class in the table, too
    assert tags.text.count(EVIL) == 3 + (report is CLASS)
    assert "Your function gives what one gets with the mask applied" in tags.text


def check(monkeypatch, capsys, *words):
    """`minibert check` with the pocket course for chapter 03: exit status, printed text."""
    monkeypatch.setattr(checking, "exercises_of", lambda number: pocket.EXERCISES)
    monkeypatch.setattr(sys, "argv", ["minibert", "check", *map(str, words)])
    try:
        cli.main()
        status = 0
    except SystemExit as error:
        status = error.code
    return status, capsys.readouterr().out


def test_check_writes_what_it_is_asked_for_and_ends_with_the_verdict(tmp_path, monkeypatch, capsys):
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(pocket.SOLUTION)
    wrong.write_text(pocket.SOLUTION.replace("words.count(word)", "1"))
    status, shown = check(monkeypatch, capsys, "03", right)
    assert (status, shown.splitlines()[-1]) == (0, "6 of 6 points")
    names = {kind: tmp_path / f"out.{kind}" for kind in ("html", "csv", "gradescope")}
    files = [word for kind, file in names.items() for word in (f"--{kind}", file)]
    status, shown = check(monkeypatch, capsys, "3", wrong, "--json", *files)
    assert status == 1
    (learner,) = json.loads(shown)["learners"]
    assert (learner["learner"], learner["points"]) == ("wrong.py", 4)
    (cause,) = learner["exercises"][1]["causes"]
    assert cause["name"] == "count-once"
    assert "every word counted once" in names["html"].read_text()
    assert names["csv"].read_text().splitlines()[1].startswith("wrong.py,3,0,1,4,6,")
    assert sum(one["score"] for one in json.loads(names["gradescope"].read_text())["tests"]) == 4
    status, shown = check(monkeypatch, capsys, "03", right, wrong, "--jobs", 2)
    assert status == 1
    assert [line.split()[0] for line in shown.splitlines()[1:3]] == ["right.py", "wrong.py"]


def test_check_uses_the_seed_and_the_limits_it_is_given(tmp_path, monkeypatch, capsys):
    seen = []

    class Spy(Grader):
        def __init__(self, exercises, seed, limits):
            seen.append((seed, limits))
            super().__init__(exercises[2:], seed, limits)

    monkeypatch.setattr(checking, "Grader", Spy)
    file = tmp_path / "my.py"
    file.write_text(pocket.SOLUTION)
    limits = ("--seed", 5, "--time-limit", 2.5, "--memory-limit", 900)
    assert check(monkeypatch, capsys, "03", file, *limits)[0] == 0
    assert seen == [(5, (2.5, 900))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("03",), "give your file after"),
        (("03", "none.py"), "none.py: there is no such file or folder"),
        (("13", __file__), "there is no chapter 13"),
        (("03", __file__, "--time-limit", "0"), "must be above 0"),
        (("03", "--hint", "softmax"), "chapter 03 has no exercise softmax: masked_softmax, "),
        (("03", "--hint", "count_words:x"), "after the colon stands a number"),
    ],
)
def test_what_cannot_be_checked_is_told_in_a_line(words, message, monkeypatch, capsys):
    status, _ = check(monkeypatch, capsys, *words)
    assert status.startswith("minibert: ")
    assert message in status


def test_every_question_gets_one_more_hint(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = "hint 1 of 2: A dictionary.\n"
    second = "hint 2 of 2: dict.get has a default.\nthat was the last one\n"
    for expected in (first, first + second, first + second):
        assert check(monkeypatch, capsys, "3", "--hint", "count_words") == (0, expected)
    assert check(monkeypatch, capsys, "03", "--hint", "count_words:1") == (0, first)
    assert check(monkeypatch, capsys, "03", "--hint", "count_words:9") == (0, first + second)
    other = check(monkeypatch, capsys, "03", "--hint", "mean_and_largest")[1]
    assert other == "hint 1 of 2: Two things to return.\n"
    (file,) = tmp_path.rglob("*.json")
    file.write_text("[damaged")
    assert check(monkeypatch, capsys, "03", "--hint", "count_words") == (0, first)
