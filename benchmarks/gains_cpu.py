"""What each way of saving work saves in training on the CPU: all of them, then all but one.

    python benchmarks/gains_cpu.py --data GLUE --output benchmarks/results/gains_cpu.json

BERT-base with random weights and dropout 0.1, batches of 32 random examples, whole steps of
minibert's loop: the same batches for every row of the table. A measurement is a process of its own;
its first two steps are not timed. The rows take turns within a round, and the median over the
rounds counts.

Below it, what the time of a step with everything on goes to, by `torch.profiler`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import grid
import torch
from common import in_a_process_of_its_own, machine, write_result
from grid import CPU
from torch.nn.functional import dropout as torchs_dropout
from torch.profiler import profile

from minibert import BertConfig
from minibert.model import functional, layout
from minibert.model.encoder import Encoder
from minibert.tasks.features import Features
from minibert.tasks.glue import task_named
from minibert.training.batches import batches_of
from minibert.training.learner import Learner, Learnt
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.precision import choose_precision
from minibert.training.prepare import Prepared, load_model, prepare
from minibert.training.settings import GlueSettings

ALL = "everything"
FLOAT32 = ["float32 instead of bfloat16"] if grid.PRECISION == "bfloat16" else []
WAYS = (
    ALL,
    *FLOAT32,
    "padded batches instead of packed",
    "one block of rows instead of blocks by length",
    "the last layer for all tokens instead of [CLS]",
    "torch's dropout instead of a cheap one",
    "torch's attention (sdpa) instead of products",
    "an optimizer of many passes instead of one",
)

# What the operations of a step are for; the rest is "other".
KINDS = {
    "products of weights": ("aten::mm", "aten::addmm"),
    "products of attention": ("aten::bmm",),
    "casts, copies, fills": (
        "aten::copy_",
        "aten::fill_",
        "aten::cat",
        "aten::index_copy",
        "aten::index_select",
    ),
    "dropout's numbers and masks": ("aten::random_", "aten::ge"),
    "optimizer and clipping": (
        "aten::_fused_adamw_",
        "aten::linalg_vector_norm",
        "aten::_foreach_norm",
    ),
}


@contextmanager
def without(way: str) -> Iterator[None]:
    """The library with one of its savings taken away."""
    forward = Encoder.forward

    def all_rows(encoder, hidden, layout, rows):
        return rows(forward(encoder, hidden, layout))

    patches = {
        "one block": patch.object(layout, "by_length", layout.one_block),
        "the last layer": patch.object(Encoder, "forward", all_rows),
        "torch's dropout": patch.object(functional, "dropout", torchs_dropout),
    }
    found = [part for beginning, part in patches.items() if way.startswith(beginning)]
    if not found:
        yield
        return
    with found[0]:
        yield


def make_steps(
    way: str, settings: GlueSettings, prepared: Prepared
) -> Callable[[list[int]], Learnt]:
    """From rows of the training set to a step on them."""
    if way.startswith("float32"):
        prepared = prepared._replace(precision=choose_precision("float32", CPU))
    attention = "sdpa" if way.startswith("torch's attention") else "math"
    model = load_model(replace(settings, attention=attention), prepared).train()
    learner = Learner.start(model, prepared.task, settings, prepared.precision)
    if way.startswith("an optimizer"):
        for group in learner.optimizer.param_groups:
            group.update(fused=False, foreach=True)
    features = prepared.train_set
    collate = features.batch if way.startswith("padded") else features.packed

    def step(rows: list[int]) -> Learnt:
        set_rates(learner.optimizer, 1.0)
        return learn(learner, [collate(rows)])

    return step


def choose_rows(features: Features, settings: GlueSettings, steps: int) -> list[list[int]]:
    """Random batches: a pass in small."""
    batches = batches_of(features.lengths, settings, epoch=1)
    full = [rows for rows in batches if len(rows) == settings.batch_size]
    return grid.pass_in_small(full, features.lengths, steps)


def measure(way: str, settings: GlueSettings, prepared: Prepared, steps: int) -> float:
    """Seconds a step."""
    torch.manual_seed(0)
    rows = choose_rows(prepared.train_set, settings, steps)
    with without(way):
        step = make_steps(way, settings, prepared)
        for some in (rows[0], rows[-1]):
            step(some)
        started = time.perf_counter()
        for some in rows:
            step(some)
        return (time.perf_counter() - started) / steps


def shares(settings: GlueSettings, prepared: Prepared, steps: int) -> dict[str, float]:
    """What share of the time each kind of operation takes, with everything on."""
    rows = choose_rows(prepared.train_set, settings, steps)
    step = make_steps(ALL, settings, prepared)
    step(rows[-1])
    with profile() as seen:
        for some in rows:
            step(some)
    spent = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    total = sum(spent.values())
    known = {kind: sum(spent.get(name, 0) for name in names) for kind, names in KINDS.items()}
    known["other: GELU, LayerNorm, softmax, sums, ..."] = total - sum(known.values())
    return {kind: float(time / total) for kind, time in known.items()}


def table(tasks: dict[str, dict]) -> str:
    """What a page shows of the results, a column for each task."""
    lines = ["| | " + " | ".join(tasks) + " |", "|---" * (len(tasks) + 1) + "|"]
    pieces = [found["pieces"] for found in tasks.values()]
    cells = [f"{some['packed']:.0f}, padded {some['padded']:.0f}" for some in pieces]
    lines.append(f"| word pieces a text | {' | '.join(cells)} |")
    first = next(iter(tasks.values()))
    for way in first["times_everything"]:
        times = [found["times_everything"][way] for found in tasks.values()]
        cells = [f"{time:.2f}x" for time in times]
        if way == ALL:
            medians = [statistics.median(found["seconds"][way]) for found in tasks.values()]
            cells = [f"{median:.2f} s a step" for median in medians]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    for kind in first["shares"]:
        cells = [f"{100 * found['shares'][kind]:.0f} %" for found in tasks.values()]
        lines.append(f"| of the step: {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the GLUE folder")
    parser.add_argument("--tasks", nargs="+", choices=["mrpc", "sst-2"], default=["mrpc", "sst-2"])
    parser.add_argument("--steps", type=int, default=6, help="timed in each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="to try it: tiny, 3 steps, 1 round")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    config = BertConfig.base()
    if args.quick:
        config, args.steps, args.rounds = BertConfig.tiny(), 3, 1
    tasks = {}
    with tempfile.TemporaryDirectory() as name:
        in_a_process_of_its_own(partial(grid.write_weights, config, Path(name)))
        for task in args.tasks:
            settings = GlueSettings(
                task=task, data=args.data, model=name, device="cpu", batch_size=32, max_length=128
            )
            prepared = prepare(settings, task_named(task))
            seconds: dict[str, list[float]] = {way: [] for way in WAYS}
            for way in WAYS * args.rounds:
                work = partial(measure, way, settings, prepared, args.steps)
                seconds[way].append(in_a_process_of_its_own(work))
            everything = statistics.median(seconds[ALL])
            lengths = prepared.train_set.lengths
            rows = choose_rows(prepared.train_set, settings, args.steps)
            tasks[task] = {
                "seconds": seconds,
                "times_everything": {
                    way: statistics.median(found) / everything for way, found in seconds.items()
                },
                "pieces": {
                    "packed": grid.pieces("minibert", rows, lengths),
                    "padded": grid.pieces("transformers", rows, lengths),
                },
                "shares": in_a_process_of_its_own(partial(shares, settings, prepared, args.steps)),
            }
    print(f"\n{table(tasks)}")
    write_result(
        args.output,
        {
            "tasks": tasks,
            "size": "tiny" if args.quick else "base",
            "command": f"python benchmarks/gains_cpu.py --data GLUE --tasks {' '.join(args.tasks)} "
            f"--steps {args.steps} --rounds {args.rounds}",
            **machine(),
        },
    )


if __name__ == "__main__":
    main()
