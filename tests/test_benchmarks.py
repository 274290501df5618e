"""What the benchmarks could get wrong in silence: the other side's independence, features, sums."""

import ast
import json
import sys
from functools import partial

import numpy as np
import pytest
import transformers
from conftest import ROOT

from minibert import BertTokenizer
from minibert.checkpoint import find
from minibert.tasks.squad.reading import read_squad
from minibert.tasks.squad.windows import Windows

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


def imports(path):
    """The modules that a script imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def test_the_other_side_takes_nothing_of_minibert():
    scripts = sorted(BENCHMARKS.glob("*transformers*.py"))
    assert len(scripts) == 4
    for script in scripts:
        modules = imports(script)
        assert "transformers_recipe" in modules or script.stem == "transformers_recipe"
        beside = {path.stem for path in BENCHMARKS.glob("*.py")} - {"transformers_recipe"}
        assert {module.split(".")[0] for module in modules} & {"minibert", *beside} == set()


@pytest.mark.real
@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_windows_of_both_sides_are_the_same(version, real_data):
    """The step is theirs and ours, though tokenizers' `stride` is what two windows share."""
    import squad_transformers as squad

    path = real_data / "squad" / f"dev-v{version}.json"

    def some(questions):
        long = [question for question in questions if len(question.context) > 1800]
        return long[::2] + questions[::40]

    theirs = transformers.AutoTokenizer.from_pretrained(find("minilm"))
    tokenizer = BertTokenizer.from_pretrained("minilm")
    cut = [w for q in some(squad.read(path)) for w in squad.windows_of(q, theirs, 384)]
    ours = Windows(some(read_squad(path, version)), tokenizer)

    assert len(cut) == len(ours) > len(ours.questions) + 10
    inside = np.concatenate([window.inside for window in cut])
    offsets = np.concatenate([window.offsets for window in cut])
    assert np.array_equal(np.concatenate([window.ids for window in cut]), ours.ids)
    assert np.array_equal(np.concatenate([window.best for window in cut]), ours.max_context)
    assert np.array_equal(inside, ours.char_starts >= 0)
    assert np.array_equal(offsets[inside, 0], ours.char_starts[inside])
    assert np.array_equal(offsets[inside, 1], ours.char_ends[inside])
    assert [window.label for window in cut] == [tuple(label) for label in ours.labels.tolist()]


def test_squad_is_scored_under_the_best_threshold():
    import squad_transformers as squad

    answered = [("the red fox", 0), ("fox", 8)]
    questions = [squad.Question(str(n), "", "", [] if n > 1 else answered) for n in range(4)]
    texts = ["A fox.", "red fox jumps", "anything", "else"]
    odds = np.array([-3.0, 1.0, 0.0, 2.0])
    # Answered: 1; 2 of 2 words among 3, so 2 * 2 / (2 + 3); 0; 0. Not answered: 0, 0, 1, 1. Best is
    # to answer the first alone: 3 of 4; with the third 2, with the second too 2.8, with all 1.8.
    found = squad.metrics_of(questions, texts, odds, "2.0")
    assert found["threshold"] == -3.0
    assert found["f1"] == pytest.approx(75) == found["exact"]
    assert (found["HasAns_f1"], found["NoAns_f1"]) == pytest.approx((50, 100))

    found = squad.metrics_of(questions[:2], texts[:2], odds[:2], "1.1")
    assert found == pytest.approx({"exact": 50.0, "f1": 90.0})


def test_the_best_span_begins_where_it_may_and_is_no_longer_than_allowed():
    import squad_transformers as squad

    logits = np.full((60, 2), -9.0, np.float32)
    inside = np.arange(60) >= 10
    best = inside & (np.arange(60) != 20)
    offsets = np.stack([10 * np.arange(60), 10 * np.arange(60) + 9], 1)
    window = squad.Window([], [], offsets, inside, best, (0, 0))
    logits[[5, 20, 15, 25], 0] = 9, 8, 5, 4  # the question, another window's, right, right
    logits[[8, 46, 54], 1] = 9, 6, 7  # the question; 15 to 46 are 32 pieces, 25 to 54 are 30
    assert squad.best_span(window, logits) == (4 + 7, 250, 549)
    nowhere = window._replace(best=np.zeros(60, bool))
    assert squad.best_span(nowhere, logits)[0] == -np.inf


def test_iob1_becomes_iob2_and_no_word_is_lost():
    import ner_transformers as ner

    given = "I-LOC I-LOC I-PER B-PER I-PER O I-LOC".split()
    tags = "B-LOC I-LOC B-PER B-PER I-PER O B-LOC".split()
    assert ner.iob2(given) == tags
    assert ner.iob2(tags) == tags

    tokenizer = transformers.AutoTokenizer.from_pretrained(find("minilm"))
    words = "New York Andalusia Zbigniew Quetzalcoatl of Reykjavik".split()
    numbers = {tag: number for number, tag in enumerate(tags)}
    parts = ner.parts_of((words, tags), tokenizer, numbers, max_length=8)
    assert len(parts) > 2
    assert all(len(ids) == len(labels) <= 8 for ids, labels in parts)
    assert [n for _, labels in parts for n in labels if n >= 0] == [numbers[tag] for tag in tags]
    kept = [number for ids, _ in parts for number in ids[1:-1]]
    assert kept == tokenizer(" ".join(words), add_special_tokens=False)["input_ids"]


def test_a_row_of_the_table_by_hand(tmp_path):
    import token_table

    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"metrics": {"f1": 0.9, "precision": 0.5, "recall": 0.4, "x": 1}}))
    points = token_table.in_points("ner", path)
    assert points == pytest.approx({"f1": 90, "precision": 50, "recall": 40})

    ours, theirs = ([{**points, "f1": f1} for f1 in some] for some in ((90, 92, 91), (94, 92, 93)))
    found = dict(enumerate(zip(ours, theirs, strict=True), 1))
    row = token_table.rows_of("ner", found)[0]
    assert row["minibert"]["mean"] == pytest.approx(91)
    assert row["transformers"]["sd"] == pytest.approx(1)
    assert row["difference"] == pytest.approx(-2)
    line = "| ner | f1 | 1 2 3 | 91.0 ± 1.0 | 93.0 ± 1.0 | -2.0 |"
    assert token_table.table([row]).splitlines()[-1] == line

    squad = {1: ({"exact": 50.04, "f1": 60.0}, {"exact": 49.0, "f1": 60.0})}
    row = token_table.rows_of("squad-1.1", squad)[0]
    assert (
        token_table.table([row]).splitlines()[-1]
        == "| squad-1.1 | exact | 1 | 50.0 | 49.0 | +1.0 |"
    )


def test_bucketed_batches_hold_every_row_once_and_few_lengths():
    from argparse import Namespace

    import torch
    from transformers_recipe import batches_of

    torch.manual_seed(0)
    rows = list(range(1000))
    bucketed = batches_of(rows, Namespace(batching="bucket", batch_size=16), lambda row: row % 100)
    assert sorted(row for batch in bucketed for row in batch) == rows
    assert sum(len(batch) < 16 for batch in bucketed) <= 1
    widths = [
        max(row % 100 for row in batch) - min(row % 100 for row in batch) for batch in bucketed
    ]
    assert np.mean(widths) < 10
    longest = [max(row % 100 for row in batch) for batch in bucketed]
    assert longest[:50] != sorted(longest[:50])


def test_seeds_of_another_day_stay_in_the_token_table(monkeypatch, tmp_path):
    import token_table

    ran = []

    def run(side, score, task, seed, data, work):
        ran.append((side, seed))
        return dict.fromkeys(token_table.RECIPES[task].metrics, score + seed)

    monkeypatch.setattr(token_table, "run_minibert", partial(run, "ours", 80.0))
    monkeypatch.setattr(token_table, "run_transformers", partial(run, "theirs", 70.0))
    output = tmp_path / "table.json"
    words = ["--tasks", "ner", "--ner", tmp_path, "--about", "a trial", "--output", output]
    for seeds in (["1"], ["2", "1"]):
        monkeypatch.setattr(sys, "argv", ["token_table.py", *map(str, words), "--seeds", *seeds])
        token_table.main()
    assert ran == [("ours", 1), ("theirs", 1), ("ours", 2), ("theirs", 2)]
    row = json.loads(output.read_text())["rows"][0]
    assert row["seeds"] == [1, 2]
    assert row["minibert"]["values"] == [81.0, 82.0]
    assert row["transformers"]["values"] == [71.0, 72.0]
    assert row["difference"] == 10.0

    monkeypatch.setattr(token_table, "settings_of", lambda task: ["--batch-size", "8"])  # others
    token_table.main()
    assert len(ran) == 8
