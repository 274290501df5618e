"""Two sides on the CPU, a grid of ways on each: what `train_cpu.py` and `infer_cpu.py` share.

BERT-base with random weights, which both sides load from one folder, on GLUE's texts in batches of
32, max_length 128. The word pieces are made once, and are the same for both; there they are padded
to the longest text of a batch, here packed end to end. The defaults of each side are a point of its
grid, marked in the table; its best is the fastest point.

A whole pass of every point would take a day. So each side makes the batches of a whole pass over
the same set by its own rule (random ones are the very same for both), they are put in order of
their width, and --steps of them, evenly spaced, are timed: a pass in small. "Pieces" is its mean
number of word pieces per example, with the padding where there is some, then that of the whole
pass: the two must be alike. Batches not full are left out.

Every measurement is a process of its own, forked from one that has computed nothing. Its first
steps (the narrowest batch, the widest, one between; with compile, all of them once) are not timed.
The points of both sides take turns within a round. In the first, `torch.compile` is tried on the
fastest point of each way to compute attention, as it takes minutes to compile. Who reaches less
than 80 % of the fastest of its side there is not in the following rounds; the defaults always are.
The median over the rounds counts.

The floor is measured in the same run: the products of matrices of one layer, and nothing else, for
real word pieces, each in the form and precision that torch is fastest at.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from itertools import chain, product, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import in_a_process_of_its_own, machine, write_result
from torch.nn import functional

from minibert import BertConfig, BertForSequenceClassification, BertTokenizer
from minibert.model.attention import choose
from minibert.tasks.features import Features
from minibert.tasks.glue import task_named
from minibert.training.precision import DTYPES, choose_precision
from minibert.training.prepare import Prepared, prepare
from minibert.training.settings import GlueSettings

CPU = torch.device("cpu")
CONTENDS = 0.8  # of the fastest's speed in the first round
PRECISION = choose_precision("auto", CPU).name  # minibert's default on this machine
# Where the processor has no products of bfloat16, they are emulated, at a tenth of the speed.
PRECISIONS = ("float32", "bfloat16") if PRECISION == "bfloat16" else ("float32",)


class Variant(NamedTuple):
    """A point of a side's grid."""

    side: str
    precision: str
    attention: str
    batching: str
    compiled: bool = False

    @property
    def group(self) -> tuple[str, bool]:
        """Among whom it may be the best."""
        return self.side, self.batching == "tokens"

    def __str__(self) -> str:
        compiled = "compile" if self.compiled else ""
        return f"{self.side:13}{self.precision:9} {self.attention:6}{self.batching:8}{compiled:8}"


def default_attention(training: bool) -> str:
    """What `auto` chooses in minibert on this machine."""
    return choose("auto", CPU, training=training, dtype=DTYPES[PRECISION], width=64).way


def alternating(ours: list[Variant], theirs: list[Variant]) -> list[Variant]:
    """Both grids, one of ours after one of theirs."""
    pairs = chain.from_iterable(zip_longest(ours, theirs))
    return [variant for variant in pairs if variant is not None]


class Work(NamedTuple):
    """What a process measures: one variant on one task."""

    variant: Variant
    settings: GlueSettings
    prepared: Prepared
    steps: int

    def clocked(
        self,
        whole: list[list[int]],
        features: Features,
        run: Callable[[list[list[int]]], list[float]],
    ) -> dict[str, object]:
        """Let `run` do some batches of a whole pass; it says when each was done."""
        variant, lengths = self.variant, features.lengths
        timed = pass_in_small(whole, lengths, self.steps)
        warm_up = timed if variant.compiled else [timed[0], timed[-1], timed[len(timed) // 2]]
        order = np.random.default_rng(0).permutation(len(timed))
        batches = [*warm_up, *(timed[place] for place in order)]
        done = run(batches)
        if len(done) != len(batches):
            raise RuntimeError(f"{variant}: {len(done)} steps for {len(batches)} batches")
        return {
            "examples_per_second": sum(map(len, timed)) / (done[-1] - done[len(warm_up) - 1]),
            "pieces": [pieces(variant.side, found, lengths) for found in (timed, whole)],
        }


Measure = Callable[[Work], dict[str, object]]


def pass_in_small(batches: list[list[int]], lengths: np.ndarray, steps: int) -> list[list[int]]:
    """So many of the full batches, evenly spaced in order of their width."""
    by_width = sorted(batches, key=lambda rows: lengths[rows].max())
    steps = min(steps, len(batches))
    return [by_width[(2 * step + 1) * len(batches) // (2 * steps)] for step in range(steps)]


def pieces(side: str, batches: list[list[int]], lengths: np.ndarray) -> float:
    """Word pieces per example, with the padding that `transformers` adds."""
    reckon = np.mean if side == "minibert" else np.max
    return sum(len(rows) * reckon(lengths[rows]) for rows in batches) / sum(map(len, batches))


def write_weights(config: BertConfig, folder: Path) -> None:
    """A model with random weights, and a tokenizer, as Hugging Face keeps them."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(config, num_labels=2)
    model.save_pretrained(folder, BertTokenizer.from_pretrained("minilm"))


def take_turns(
    variants: list[Variant],
    defaults: tuple[Variant, Variant],
    measure: Measure,
    settings: GlueSettings,
    rounds: int,
    steps: int,
    compiles: bool,
) -> dict[Variant, dict]:
    """{variant: what it measured last, and its examples per second in each of its "rounds"}"""
    prepared = prepare(settings, task_named(settings.task))
    found: dict[Variant, dict] = {}

    def turn(number: int, variant: Variant) -> None:
        precision = variant.precision if variant.precision in DTYPES else "float32"
        own = replace(
            settings,
            precision=precision,
            attention=variant.attention if variant.side == "minibert" else "auto",
            batching=variant.batching if variant.batching in ("bucket", "tokens") else "random",
            compile=variant.compiled,
        )
        computed = prepared._replace(precision=choose_precision(precision, CPU))
        result = in_a_process_of_its_own(partial(measure, Work(variant, own, computed, steps)))
        speed = result.pop("examples_per_second")
        rounds = found[variant]["rounds"] if variant in found else []
        found[variant] = {**result, "rounds": [*rounds, speed]}
        print(f"round {number}  {variant}{speed:8.2f}", flush=True)

    for variant in variants:
        turn(1, variant)
    if compiles:
        for variant in worth_compiling(first_speeds(found)):
            turn(1, variant)
    speeds = first_speeds(found)
    for number in range(2, rounds + 1):
        for variant, speed in speeds.items():
            if variant in defaults or speed >= CONTENDS * fastest(speeds, variant.group)[1]:
                turn(number, variant)
    return found


def first_speeds(found: dict[Variant, dict]) -> dict[Variant, float]:
    """Examples a second in the first round."""
    return {variant: row["rounds"][0] for variant, row in found.items()}


def worth_compiling(speeds: dict[Variant, float]) -> list[Variant]:
    """Of each way to compute attention on each side the fastest, now with compile."""
    quickest = {}
    for variant in sorted(speeds, key=speeds.__getitem__):  # the faster ones replace the others
        if variant.batching != "tokens":
            quickest[variant.side, variant.attention] = variant._replace(compiled=True)
    return list(quickest.values())


def fastest(speeds: dict[Variant, float], group: tuple[str, bool]) -> tuple[Variant, float]:
    """Of those that may be compared with each other."""
    mine = [item for item in speeds.items() if item[0].group == group]
    return max(mine, key=lambda item: item[1])


def matmul_rate(config: BertConfig, rows: int = 1600) -> dict[str, float]:
    """Operations a second of a layer's products, in each precision, at its best form.

    The weights of the projections and of the feed-forward network, times as many word pieces as a
    batch of MRPC has. Forward and backward need the same product in three forms (of which one or
    the other is slower); the fastest counts.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    rates = {}
    for name in PRECISIONS:
        seconds = operations = 0.0
        for wide, narrow, count in ((hidden, hidden, 4), (inner, hidden, 1), (hidden, inner, 1)):
            x = torch.randn(rows, narrow, dtype=DTYPES[name])
            weight = torch.randn(wide, narrow, dtype=DTYPES[name])
            gradient = torch.randn(rows, wide, dtype=DTYPES[name])
            forms = (
                partial(functional.linear, x, weight),
                partial(torch.mm, gradient, weight),
                partial(torch.mm, gradient.t(), x),
            )
            seconds += count * min(map(shortest, forms))
            operations += count * 2 * rows * wide * narrow
        rates[name] = operations / seconds
    return rates


def shortest(work: Callable[[], object], times: int = 7) -> float:
    """Seconds, the least of several times."""
    work()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def floor(config: BertConfig, length: float, passes: int, rate: float) -> float:
    """Examples a second if there were nothing but the products of the encoder's weights.

    Two operations for every weight and word piece; forward is one such pass, backward two more.
    """
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    weights = layers * (4 * hidden**2 + 2 * hidden * inner)
    return rate / (passes * 2 * weights * length)


def report(
    task: str, found: dict[Variant, dict], defaults: tuple[Variant, Variant]
) -> dict[str, object]:
    """Print the table of one task; the same for the file."""
    speeds = {variant: statistics.median(row["rounds"]) for variant, row in found.items()}
    default = {variant.side: speeds[variant] for variant in defaults}
    bests = [fastest(speeds, (side, False))[0] for side in default]
    best = {variant.side: speeds[variant] for variant in bests}

    print(f"\n{task:46}{'examples/s':>11}{'to their default':>18}{'best':>7}", end="")
    print(f"{'pieces':>14}{'rounds':>8}")
    rows = []
    for variant in sorted(speeds, key=lambda variant: (variant.side, -speeds[variant])):
        row = {
            **variant._asdict(),
            "default": variant in defaults,
            "best": variant in bests,
            "examples_per_second": speeds[variant],
            "to_transformers_default": speeds[variant] / default["transformers"],
            "to_transformers_best": speeds[variant] / best["transformers"],
            **found[variant],
        }
        rows.append(row)
        marks = " ".join(mark for mark in ("default", "best") if row[mark])
        timed, whole = row["pieces"]
        print(
            f"{variant}{speeds[variant]:10.2f}{row['to_transformers_default']:17.2f}x"
            f"{row['to_transformers_best']:6.2f}x{timed:7.1f}{whole:7.1f}"
            f"{len(row['rounds']):6}   {marks}"
        )
    ratios = {
        "default_to_default": default["minibert"] / default["transformers"],
        "default_to_best": default["minibert"] / best["transformers"],
        "best_to_best": best["minibert"] / best["transformers"],
    }
    for name, ratio in ratios.items():
        print(f"minibert's {name.replace('_', ' ').replace('to ', 'to their ')}: {ratio:.2f}x")
    return {"rows": rows, "ratios": ratios}


def table(tasks: dict[str, dict]) -> str:
    """What a page shows of the results: each side as it comes and at its best, and the floor."""
    lines = [
        "| task | | how | examples/s | to transformers' best |",
        "|---|---|---|---|---|",
    ]
    for task, found in tasks.items():
        best = next(row for row in found["rows"] if row["best"] and row["side"] == "transformers")
        for side, kind in product(("transformers", "minibert"), ("default", "best")):
            row = next(row for row in found["rows"] if row["side"] == side and row[kind])
            how = [row["precision"], row["attention"], row["batching"]]
            how += ["compiled"] if row["compiled"] else []
            told = "by default" if kind == "default" else "at its best"
            lines.append(
                f"| {task} | {side} {told} | {', '.join(how)} | {row['examples_per_second']:.1f} | "
                f"{row['to_transformers_best']:.2f}x |"
            )
        precision, most = max(found["floor"].items(), key=lambda item: item[1])
        lines.append(
            f"| {task} | the weights' products alone | {precision}, no padding | {most:.1f} | "
            f"{most / best['examples_per_second']:.2f}x |"
        )
    return "\n".join(lines)


def compare(
    doc: str,
    variants: list[Variant],
    defaults: tuple[Variant, Variant],
    measure: Measure,
    passes: int,
    companions: tuple[str, ...],
) -> None:
    """The whole of such a benchmark: read the command line, measure, print, write.

    passes: over the weights in one step, for the floor. companions: other packages that matter.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the GLUE folder")
    parser.add_argument("--tasks", nargs="+", choices=["mrpc", "sst-2"], default=["mrpc", "sst-2"])
    parser.add_argument("--steps", type=int, default=12, help="timed in each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--quick", action="store_true", help="to try it: tiny, 3 steps, 1 round")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()

    config = BertConfig.base()
    if args.quick:
        config, args.steps, args.rounds = BertConfig.tiny(), 3, 1
    load = os.getloadavg()[0]
    rates = in_a_process_of_its_own(partial(matmul_rate, config))
    tasks = {}
    with tempfile.TemporaryDirectory() as name:
        in_a_process_of_its_own(partial(write_weights, config, Path(name)))
        for task in args.tasks:
            settings = GlueSettings(
                task=task, data=args.data, model=name, device="cpu", batch_size=32, max_length=128
            )
            found = take_turns(
                variants, defaults, measure, settings, args.rounds, args.steps, not args.no_compile
            )
            tasks[task] = report(task, found, defaults)
            length = found[defaults[0]]["pieces"][0]
            tasks[task]["floor"] = {
                precision: floor(config, length, passes, rate) for precision, rate in rates.items()
            }
    print(f"\n{table(tasks)}")
    flags = [flag for flag in ("--no-compile", "--quick") if flag in sys.argv]
    script = Path(sys.argv[0]).name
    options = ["--data GLUE --tasks", *args.tasks, "--steps", args.steps, "--rounds", args.rounds]
    write_result(
        args.output,
        {
            "tasks": tasks,
            "size": "tiny" if args.quick else "base",
            "batch_size": 32,
            "max_length": 128,
            "steps": args.steps,
            "rounds": args.rounds,
            "matmul_rate": rates,
            "command": " ".join(map(str, ["python", f"benchmarks/{script}", *options, *flags])),
            "load_before": load,
            **{package: version(package) for package in ("transformers", *companions)},
            **machine(),
        },
    )
