"""What docs/teaching.md promises: minutes are the course's, commands do what it says of them."""

import re
import shlex
import subprocess
from zipfile import ZipFile

import pytest

from minibert import cli
from minibert.course import exercises
from minibert.course.syllabus import CHAPTERS


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "teaching.md").read_text(encoding="utf-8")


def minutes(page):
    """{chapter: (title, to read, exercises)} of the first table."""
    rows = re.findall(r"^\| (\d+) ([^|]+) \| [^|]+ \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    return {int(number): (title, int(a), int(b)) for number, title, a, b in rows}


def test_every_chapter_has_its_title_and_minutes_to_read(page):
    told = {number: (title, read) for number, (title, read, _) in minutes(page).items()}
    assert told == {int(one.number): (one.title, one.minutes) for one in CHAPTERS}


def test_the_minutes_of_exercises_are_the_sums_of_theirs(page):
    for number, (_, _, told) in minutes(page).items():
        assert told == sum(one.minutes for one in exercises.exercises_of(number)), number


def test_the_plans_hold_every_chapter_once_with_its_minutes(page):
    by_chapter = minutes(page)
    plans = re.split(r"^\| week .*\n.*\n", page, flags=re.MULTILINE)[1:]
    assert len(plans) == 2
    for weeks, plan in zip((12, 6), plans, strict=True):
        rows = re.findall(
            r"^\| (\d+) \| ([^|]+) \| (\d+) \| (\d+) \|", plan.partition("\n\n")[0], re.MULTILINE
        )
        assert [int(row[0]) for row in rows] == list(range(1, weeks + 1))
        seen = []
        for _, chapters, read, work in rows:
            listed = [int(one) for one in chapters.split(",")] if chapters != "none" else []
            assert int(read) == sum(by_chapter[one][1] for one in listed), listed
            assert int(work) == sum(by_chapter[one][2] for one in listed), listed
            seen += listed
        assert seen == list(range(len(CHAPTERS)))


def commands(page):
    """The lines of the page's code blocks, each a command in full."""
    blocks = re.findall(r"^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def test_the_hand_out_holds_all_but_the_solutions(page, tmp_path):
    (command,) = (line for line in commands(page) if line.startswith("git archive"))
    kept = ("README.md", "Makefile", "tutorials/03.ipynb", "tutorials/exercises/03.py")
    kept += ("minibert/course/exercises/c03.py", "tests/test_house.py", "tests/conftest.py")
    hidden = ("tutorials/solutions/03.py", "tests/course/styles/03/loops.py")
    for name in (*kept, *hidden):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for given in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *given], cwd=tmp_path, check=True)
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    with ZipFile(tmp_path / "minibert-course.zip") as archive:
        files = {name for name in archive.namelist() if not name.endswith("/")}
    assert files == {f"minibert/{name}" for name in kept}


def test_the_folders_that_are_left_out_are_there(page, root):
    (command,) = (line for line in commands(page) if line.startswith("git archive"))
    left_out = re.findall(r"\(exclude\)([\w/]+)", command)
    assert len(left_out) == 2
    for folder in left_out:
        assert any((root / folder).rglob("*.py")), folder


def test_every_option_on_the_page_is_one_of_the_commands(page, monkeypatch, capsys):
    for command in ("check", "swap"):
        monkeypatch.setattr("sys.argv", ["minibert", command, "--help"])
        with pytest.raises(SystemExit):
            cli.main()
        known = set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))
        for line in commands(page):
            _, _, arguments = line.partition(f"minibert {command} ")
            assert set(re.findall(r"--[a-z][a-z-]*", arguments)) <= known, line
