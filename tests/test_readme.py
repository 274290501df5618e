"""README and docs/ are true: links lead somewhere, code runs, commands parse, figures are real."""

import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from minibert import cli
from minibert.checkpoint import LoadTable
from minibert.tasks import squad

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = ROOT / "benchmarks" / "results"


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert len(links) > 8 or page != README
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_two_commands_are_the_first_and_stand_in_the_makefile():
    assert re.findall(r"^make \w+", blocks(README, "")[0], re.MULTILINE) == [
        "make demo",
        "make test",
    ]
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test", "lint", "bench"} <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_the_first_example_runs_and_prints_what_it_says(capsys):
    code = blocks(README, "python")[0]
    exec(code, {})
    printed = capsys.readouterr().out
    comments = re.findall(r"^print\(.*?\)\s+# (.*)$", code, re.MULTILINE)
    assert len(comments) == 4
    for said, line in zip(comments[:3], printed.splitlines(), strict=False):
        assert line.startswith(said.removesuffix(", ...]"))
    assert "embeddings.word_embeddings.weight" in printed  # the load table


def test_the_answers_of_how_to_run_one_after_another(capsys, monkeypatch):
    """Thirty questions; what a comment says is printed is printed."""
    monkeypatch.chdir(ROOT)
    page = ROOT / "docs" / "how_to.md"
    numbers = re.findall(r"^\*\*(\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 31)]
    code = blocks(page, "python")
    assert len(code) > 15
    torch.manual_seed(0)
    names = {}
    for block in code:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "I loved it & so did she." in printed
    assert "['[CLS]', 'un', '##bel'" in printed
    assert 0.4 < names["loss"].item() < 1.0  # before training, near ln 2


def commands():
    """Every `minibert ...` command of README, docs and Makefile, as a list of words."""
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    text = "\n".join(block for page in PAGES for block in blocks(page, "")) + "\n" + makefile
    lines = re.findall(r"^\s*(?:\S*/)?minibert (.*)$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_can_be_given_as_they_stand(words, monkeypatch):
    called = []

    class Saved:
        path, task = "run", SimpleNamespace(name="task")

        def __init__(self, *_):
            called.append(True)

        evaluate = staticmethod(
            lambda *_: SimpleNamespace(report="1 examples", metrics={}, loss=0.0, doubts=())
        )
        predict = answer = staticmethod(lambda texts, _: [Said()] * len(texts))
        predict_file = staticmethod(lambda *_: 0)

    class Said:
        def as_json(self):
            return {}

    def ledger(*names):
        called.append(names)
        return SimpleNamespace(first=None)

    for name in ("fine_tune", "doctor", "compare_runs", "submission"):
        monkeypatch.setattr(cli.training, name, lambda *_: called.append(_), raising=False)
    monkeypatch.setattr(cli.training, "submit", lambda *_: [], raising=False)
    monkeypatch.setattr(cli, "read_text", lambda path: "The mill was built in 1840.")
    for name in ("ruler_of", "score_files"):
        monkeypatch.setattr(cli.squad, name, lambda *_: called.append(_), raising=False)
    describe = lambda *given: called.append(given)  # noqa: E731
    monkeypatch.setattr(cli.checkpoint, "describe", describe, raising=False)

    def convert(*names):
        called.append(names)
        return SimpleNamespace(table=LoadTable((), {}), kind="", dtype="", tokenizer="")

    monkeypatch.setattr(cli.model, "convert", convert, raising=False)
    monkeypatch.setattr(cli.lens, "compare", ledger, raising=False)
    monkeypatch.setattr(cli.lens, "fill_mask", lambda *_: called.append(_) or [], raising=False)
    monkeypatch.setattr(cli.training, "SavedRun", Saved, raising=False)
    graded = SimpleNamespace(passed=True, as_json=dict, as_csv=str, as_html=str, as_gradescope=dict)
    check = lambda *given: called.append(given) or graded  # noqa: E731
    monkeypatch.setattr(cli.course, "check", check, raising=False)
    monkeypatch.setattr(cli.course, "hint", lambda *_: called.append(_), raising=False)
    trial = lambda *given: called.append(given) or SimpleNamespace(equal=True)  # noqa: E731
    for name in ("try_functions", "score_functions"):
        monkeypatch.setattr(cli.course, name, trial, raising=False)
    monkeypatch.setattr(sys, "argv", ["minibert", *words])
    cli.main()
    assert called


def test_the_ruler_is_drawn_as_the_page_shows_it():
    page = ROOT / "docs" / "questions_and_tagging.md"
    (command,) = (words for words in commands() if words[:2] == ["squad", "ruler"])
    (shown,) = blocks(page, "text")
    drawn = squad.ruler_of(ROOT / command[2], command[4], width=int(command[6]))
    for part in shown.strip().split("\n\n"):
        assert part in drawn


def test_the_table_shows_the_recorded_scores():
    rows = json.loads((RESULTS / "glue_table.json").read_text())["rows"]
    for row in rows:
        cells = [row["task"], row["metric"], " ".join(map(str, row["seeds"]))]
        for side in (row["minibert"], row["transformers"]):
            assert side["mean"] == pytest.approx(sum(side["values"]) / len(row["seeds"]))
            spread = f" ± {100 * side['sd']:.1f}" if len(row["seeds"]) > 1 else ""
            cells.append(f"{100 * side['mean']:.1f}{spread}")
        assert f"| {' | '.join(cells)} |" in README.read_text(encoding="utf-8")
    seeds = {row["task"]: len(row["seeds"]) for row in rows}
    assert seeds == {"cola": 5, "mrpc": 5, "rte": 5, "sts-b": 5, "sst-2": 2}


def test_the_token_table_shows_the_recorded_scores(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import token_table

    rows = json.loads((RESULTS / "token_table.json").read_text())["rows"]
    assert {row["task"] for row in rows} == {"ner", "squad-1.1"}
    # The command beside the table would run these again.
    assert all(row["settings"] == token_table.settings_of(row["task"]) for row in rows)
    assert all(len(row[side]["values"]) == len(row["seeds"])
               for row in rows for side in ("minibert", "transformers"))  # fmt: skip
    readme = README.read_text(encoding="utf-8")
    assert all(line in readme for line in token_table.table(rows).splitlines())


def recorded(name):
    return json.loads((RESULTS / name).read_text())


def test_the_speeds_are_those_recorded(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import grid

    readme = README.read_text(encoding="utf-8")
    told = recorded("train_cpu_float32.json")
    assert told["size"] == "base"
    assert set(told["tasks"]) == {"mrpc", "sst-2"}
    assert all(line in readme for line in grid.table(told["tasks"]).splitlines())
    assert told["command"] in readme
    other = recorded("train_cpu.json")["tasks"]
    mrpc, sst = (other[task]["ratios"]["best_to_best"] for task in ("mrpc", "sst-2"))
    assert f"{mrpc:.2f}x on MRPC and {sst:.2f}x on SST-2" in readme.replace("\n", " ")

    row = recorded("glue_minutes.json")["rows"][0]
    (ours,), (theirs,) = row["minibert"]["minutes"], row["transformers"]["minutes"]
    assert f"took {ours:.1f} minutes here and {theirs:.1f} there" in readme


def test_the_performance_page_shows_what_was_recorded(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import gains_cpu
    import grid
    import roofline

    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    tables = [roofline.table(recorded("roofline_cpu.json")["operations"])]
    for name in ("train_cpu.json", "train_cpu_float32.json", "infer_cpu.json"):
        tables.append(grid.table(recorded(name)["tasks"]))
        assert f"`{recorded(name)['command']}`" in page.replace("\n", " ")
    gains = recorded("gains_cpu.json")
    assert f"`{gains['command']}`" in page.replace("\n", " ")
    tables.append(gains_cpu.table(gains["tasks"]))
    assert [line for table in tables for line in table.splitlines() if line not in page] == []
