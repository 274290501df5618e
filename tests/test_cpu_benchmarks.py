"""The CPU benchmarks compare like with like: the same weights, texts and results on both sides."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT
from tiny_runs import GLUE, save_tiny_model
from torch.utils.flop_counter import FlopCounterMode

from minibert.tasks.glue import task_named
from minibert.training.precision import choose_precision
from minibert.training.prepare import prepare
from minibert.training.settings import GlueSettings


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, randomized):
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"), num_labels=2, randomize=randomized)
    settings = GlueSettings(
        task="mrpc",
        data=GLUE,
        model=str(folder),
        device="cpu",
        precision="float32",
        batch_size=8,
        max_length=64,
    )
    return settings, prepare(settings, task_named("mrpc"))


def work_of(prepared, side, precision, attention, batching):
    import grid

    settings, data = prepared
    variant = grid.Variant(side, precision, attention, batching, False)
    if precision == "bfloat16":
        data = data._replace(precision=choose_precision("bfloat16", grid.CPU))
    attention = attention if side == "minibert" else "auto"
    return grid.Work(variant, replace(settings, attention=attention), data, steps=4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "pure"])
@pytest.mark.parametrize("attention", ["written out", "sdpa"])
def test_inference_gives_the_same_logits_on_both_sides(prepared, precision, attention):
    import infer_cpu

    rows = list(range(16))
    logits = []
    for side, written_out in (("minibert", "math"), ("transformers", "eager")):
        way = written_out if attention == "written out" else attention
        work = work_of(prepared, side, precision, way, "given")
        with torch.no_grad(), work.prepared.precision.autocast():
            logits.append(infer_cpu.make_forward(work)(rows))
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    assert [found.dtype for found in logits] == [dtype, dtype]
    assert logits[0].std() > 0.1
    assert torch.allclose(
        *(found.float() for found in logits), atol={"float32": 1e-5}.get(precision, 0.1)
    )


@pytest.mark.parametrize("batching", ["given", "sorted"])
def test_inference_takes_the_same_texts_in_each_order(prepared, batching):
    import infer_cpu

    lengths = np.random.default_rng(0).integers(5, 60, 43)
    work = work_of(prepared, "minibert", "float32", "math", batching)
    batches = infer_cpu.make_batches(work, lengths)
    count = len(lengths) // 8 * 8
    assert sorted(row for rows in batches for row in rows) == list(range(count))
    assert {len(rows) for rows in batches} == {8}
    longest = [max(lengths[rows]) for rows in batches]
    assert (longest == sorted(longest, reverse=True)) == (batching == "sorted")


@pytest.mark.parametrize(
    ("side", "batching"),
    [
        ("minibert", "random"),
        ("minibert", "bucket"),
        ("transformers", "random"),
        ("transformers", "grouped"),
    ],
)
def test_training_sees_every_text_once_in_full_batches(prepared, side, batching):
    import train_cpu

    lengths = np.random.default_rng(0).integers(5, 60, 1603)
    work = work_of(prepared, side, "float32", "sdpa", batching)
    own = "random" if batching == "grouped" else batching
    work = work._replace(settings=replace(work.settings, batching=own))
    batches = train_cpu.make_batches(work, lengths)
    rows = [row for some in batches for row in some]
    assert len(set(rows)) == len(rows) == 1600
    assert {len(some) for some in batches} == {8}
    spread = np.mean([np.ptp(lengths[some]) for some in batches])
    assert (spread < 5) == (batching in ("bucket", "grouped"))


def test_both_sides_of_the_training_take_all_steps(prepared):
    import train_cpu

    for side, attention in (("minibert", "math"), ("transformers", "eager")):
        found = train_cpu.measure(work_of(prepared, side, "bfloat16", attention, "random"))
        assert found["examples_per_second"] > 0
        timed, whole = found["pieces"]
        assert 10 < timed < 64
        assert 10 < whole < 64


def test_the_fastest_of_a_side_its_floor_and_the_table_by_hand(capsys):
    import grid

    ways = [
        grid.Variant("transformers", "float32", "sdpa", "random", False),
        grid.Variant("transformers", "bfloat16", "eager", "grouped", True),
        grid.Variant("minibert", "bfloat16", "math", "random", False),
        grid.Variant("minibert", "bfloat16", "math", "tokens", False),
    ]
    rounds = [[2.0, 1.0, 3.0], [5.0, 4.0, 3.0], [8.0], [100.0]]
    found = {
        way: {"rounds": some, "pieces": [40.0, 41.0]}
        for way, some in zip(ways, rounds, strict=True)
    }
    told = grid.report("mrpc", found, (ways[2], ways[0]))
    assert told["ratios"] == {
        "default_to_default": 4.0,
        "default_to_best": 2.0,
        "best_to_best": 2.0,
    }
    assert [row["best"] for row in told["rows"]] == [False, True, True, False]
    assert "2.00x" in capsys.readouterr().out

    config = grid.BertConfig.base()
    # 12 layers of 12 * 768 * 768 weights, 2 operations for each and each of 40 word pieces.
    assert grid.floor(config, 40.0, 1, 2 * 12 * 12 * 768**2 * 40 * 7) == pytest.approx(7)
    assert grid.floor(config, 40.0, 3, 2 * 12 * 12 * 768**2 * 40 * 7) == pytest.approx(7 / 3)

    told["floor"] = {"float32": 6.0, "bfloat16": 20.0}
    assert grid.table({"mrpc": told}).splitlines()[2:] == [
        "| mrpc | transformers by default | float32, sdpa, random | 2.0 | 0.50x |",
        "| mrpc | transformers at its best | bfloat16, eager, grouped, compiled | 4.0 | 1.00x |",
        "| mrpc | minibert by default | bfloat16, math, random | 8.0 | 2.00x |",
        "| mrpc | minibert at its best | bfloat16, math, random | 8.0 | 2.00x |",
        "| mrpc | the weights' products alone | bfloat16, no padding | 20.0 | 5.00x |",
    ]


def test_compile_is_tried_on_the_fastest_of_each_way_to_compute_attention():
    import grid

    def way(side, attention, batching="random", compiled=False):
        return grid.Variant(side, "bfloat16", attention, batching, compiled)

    speeds = {
        way("minibert", "math"): 2.0,
        way("minibert", "math", "bucket"): 3.0,
        way("minibert", "math", "tokens"): 9.0,
        way("minibert", "sdpa"): 1.0,
        way("transformers", "eager", "grouped"): 6.0,
        way("transformers", "eager"): 5.0,
    }
    assert set(grid.worth_compiling(speeds)) == {
        way("minibert", "math", "bucket", compiled=True),
        way("minibert", "sdpa", compiled=True),
        way("transformers", "eager", "grouped", compiled=True),
    }


def test_a_pass_in_small_is_spread_over_the_widths():
    import grid

    lengths = np.arange(100)
    batches = [[row, row - 1] for row in range(1, 100, 2)]
    widths = [max(rows) for rows in grid.pass_in_small(batches[::-1], lengths, 5)]
    assert widths == [11, 31, 51, 71, 91]
    assert grid.pieces("minibert", [[9, 19]], lengths) == 14
    assert grid.pieces("transformers", [[9, 19]], lengths) == 19


def test_what_is_taken_away_changes_the_work_and_not_the_result(prepared):
    """The loss of a step without dropout stays; its operations, or who draws, do not."""
    import gains_cpu

    settings, data = prepared
    by_length = np.argsort(data.train_set.lengths)
    rows = [*by_length[:4].tolist(), *by_length[-4:].tolist()]
    losses, operations = {}, {}
    for way in gains_cpu.WAYS:
        torch.manual_seed(0)
        calm = replace(settings, dropout=0.0)
        with gains_cpu.without(way):
            step = gains_cpu.make_steps(way, calm, data)
            with FlopCounterMode(display=False) as counter:
                losses[way] = step(rows).loss
        operations[way] = counter.get_total_flops()
    assert list(losses.values()) == pytest.approx([losses[gains_cpu.ALL]] * len(losses), abs=1e-5)
    more = [way for way in gains_cpu.WAYS if operations[way] > operations[gains_cpu.ALL]]
    assert [way.split()[0] for way in more] == ["padded", "one", "the"]

    functional = sys.modules["minibert.model.functional"]
    own = functional.dropout
    with gains_cpu.without("torch's dropout instead of a cheap one"):
        assert functional.dropout is torch.nn.functional.dropout
    assert functional.dropout is own
