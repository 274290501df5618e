"""Training examples per second on the CPU: minibert's loop beside `transformers.Trainer`.

    python benchmarks/train_cpu.py --data GLUE --output benchmarks/results/train_cpu.json

Besides `transformers` it needs its companion: pip install -c constraints.txt accelerate psutil.

BERT-base with random weights, which both sides load from one folder; dropout 0.1, AdamW fused (the
default of both), clipping at 1.0, batches of 32, max_length 128. The word pieces are made once, and
are the same for both; there they are padded to the longest text of a batch, here packed end to end.
The defaults of each side are a point of its grid, marked in the table; its best is the fastest
point:

  precision  float32, or bfloat16 by autocast
  attention  written out ("math" here, "eager" there), or torch's own ("sdpa")
  batching   random, or by length ("bucket" here, "grouped" there); "tokens", of minibert alone,
             puts more short texts into a batch. That is another training, so it stands in the
             table, but is nobody's best
  compile    `torch.compile`, once it has compiled

A whole pass of every point would take a day. So each side makes the batches of a whole pass over
the same training set by its own rule (random ones are the very same for both), they are put in
order of their width, and --steps of them, evenly spaced, are timed: a pass in small. "Pieces" is
its mean number of word pieces per example, with the padding where there is some, then that of the
whole pass: the two must be alike. Batches not full are left out.

Every measurement is a process of its own, forked from one that has computed nothing. Its first
steps (the narrowest batch, the widest, one between; with compile, all of them once) are not timed.
The points of both sides take turns within a round. Who reaches less than 80 % of the fastest of
its side in the first round is not in the following ones; the defaults always are. The median over
the rounds counts.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from itertools import chain, product, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import in_a_process_of_its_own, machine, write_result
from transformers import (
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers import BertForSequenceClassification as TheirModel
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.utils import logging

from minibert import BertConfig, BertForSequenceClassification, BertTokenizer
from minibert.model.attention import choose
from minibert.tasks.glue import task_named
from minibert.training.batches import batches_of
from minibert.training.learner import Learner
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.precision import DTYPES, choose_precision
from minibert.training.prepare import Prepared, load_model, prepare
from minibert.training.settings import GlueSettings

CPU = torch.device("cpu")
CONTENDS = 0.8  # of the fastest's speed in the first round


class Variant(NamedTuple):
    """A point of a side's grid."""

    side: str
    precision: str
    attention: str
    batching: str
    compiled: bool

    @property
    def group(self) -> tuple[str, bool]:
        """Among whom it may be the best."""
        return self.side, self.batching == "tokens"

    def __str__(self) -> str:
        compiled = "compile" if self.compiled else ""
        return f"{self.side:13}{self.precision:9} {self.attention:6}{self.batching:8}{compiled:8}"


# Each side's own defaults: what `auto` chooses on this machine, and `Trainer()`.
PRECISION = choose_precision("auto", CPU).name
DEFAULTS = (
    Variant(
        "minibert",
        PRECISION,
        choose("auto", CPU, training=True, dtype=DTYPES[PRECISION], width=64).way,
        "random",
        False,
    ),
    Variant("transformers", "float32", "sdpa", "random", False),
)


def make_variants(compiled: list[bool]) -> list[Variant]:
    """Both grids, one of ours after one of theirs."""
    precisions = ("float32", "bfloat16")
    ours = product(
        ["minibert"], precisions, ("math", "sdpa"), ("random", "bucket", "tokens"), compiled
    )
    theirs = product(
        ["transformers"], precisions, ("eager", "sdpa"), ("random", "grouped"), compiled
    )
    pairs = chain.from_iterable(zip_longest(ours, theirs))
    return [Variant(*point) for point in pairs if point is not None]


def write_weights(config: BertConfig, folder: Path) -> None:
    """A model with random weights, and a tokenizer, as Hugging Face keeps them."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(config, num_labels=2)
    model.save_pretrained(folder, BertTokenizer.from_pretrained("minilm"))


def make_batches(variant: Variant, settings: GlueSettings, lengths: np.ndarray) -> list[list[int]]:
    """All full batches of one pass, by the side's own rule."""
    size = settings.batch_size
    if variant.batching == "grouped":
        chance = torch.Generator().manual_seed(settings.seed)
        order = list(LengthGroupedSampler(size, lengths=lengths.tolist(), generator=chance))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
    else:
        batches = batches_of(lengths, settings, epoch=1)
    return [rows for rows in batches if len(rows) >= size]


def pass_in_small(batches: list[list[int]], lengths: np.ndarray, steps: int) -> list[list[int]]:
    """So many of the batches, evenly spaced in order of their width."""
    by_width = sorted(batches, key=lambda rows: lengths[rows].max())
    steps = min(steps, len(batches))
    return [by_width[(2 * step + 1) * len(batches) // (2 * steps)] for step in range(steps)]


def pieces(side: str, batches: list[list[int]], lengths: np.ndarray) -> float:
    """Word pieces per example, with the padding that `transformers` adds."""
    reckon = np.mean if side == "minibert" else np.max
    return sum(len(rows) * reckon(lengths[rows]) for rows in batches) / sum(map(len, batches))


def steps_of_ours(settings: GlueSettings, prepared: Prepared, batches: list[list[int]]) -> list:
    """When each step was done."""
    model = load_model(settings, prepared).train()
    learner = Learner.start(model, prepared.task, settings, prepared.precision)
    done = []
    for rows in batches:
        set_rates(learner.optimizer, 1.0)
        learn(learner, [prepared.train_set.packed(rows)])
        done.append(time.perf_counter())
    return done


class Clock(TrainerCallback):
    """Notes when each step was done."""

    def __init__(self):
        self.done = []

    def on_step_end(self, args, state, control, **more):
        self.done.append(time.perf_counter())


def steps_of_theirs(
    variant: Variant, settings: GlueSettings, prepared: Prepared, batches: list[list[int]]
) -> list:
    """When each step was done."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    features, clock = prepared.train_set, Clock()
    examples = []
    for row in chain.from_iterable(batches):
        own = slice(features.starts[row], features.starts[row + 1])
        examples.append(
            {
                "input_ids": features.ids[own].tolist(),
                "token_type_ids": features.segments[own].tolist(),
                "attention_mask": [1] * int(features.lengths[row]),
                "labels": int(features.labels[row]),
            }
        )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            TheirModel.from_pretrained(
                settings.model, num_labels=2, attn_implementation=variant.attention
            ),
            TrainingArguments(
                folder,
                num_train_epochs=1,
                per_device_train_batch_size=settings.batch_size,
                bf16=variant.precision == "bfloat16",
                torch_compile=variant.compiled,
                train_sampling_strategy="sequential",  # the batches are already made
                use_cpu=True,
                save_strategy="no",
                disable_tqdm=True,
            ),
            DataCollatorWithPadding(AutoTokenizer.from_pretrained(settings.model)),
            examples,
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return clock.done


def measure(variant: Variant, settings: GlueSettings, prepared: Prepared, steps: int) -> dict:
    """Examples per second of one variant, and how many word pieces an example had."""
    torch.manual_seed(0)
    lengths = prepared.train_set.lengths
    whole = make_batches(variant, settings, lengths)
    timed = pass_in_small(whole, lengths, steps)
    warm_up = timed if variant.compiled else [timed[0], timed[-1], timed[len(timed) // 2]]
    order = np.random.default_rng(0).permutation(len(timed))
    batches = [*warm_up, *(timed[place] for place in order)]
    if variant.side == "minibert":
        done = steps_of_ours(settings, prepared, batches)
    else:
        done = steps_of_theirs(variant, settings, prepared, batches)
    if len(done) != len(batches):
        raise RuntimeError(f"{variant}: {len(done)} steps for {len(batches)} batches")
    return {
        "examples_per_second": sum(map(len, timed)) / (done[-1] - done[len(warm_up) - 1]),
        "pieces": [pieces(variant.side, found, lengths) for found in (timed, whole)],
    }


def measure_all(
    variants: list[Variant], settings: GlueSettings, rounds: int, steps: int
) -> dict[Variant, dict]:
    """{variant: its examples per second in each of its rounds, and "pieces"}"""
    prepared = prepare(settings, task_named(settings.task))
    found = {variant: {"rounds": []} for variant in variants}
    contenders = variants
    for number in range(rounds):
        for variant in contenders:
            own = replace(
                settings,
                precision=variant.precision,
                attention=variant.attention if variant.side == "minibert" else "auto",
                batching="random" if variant.batching == "grouped" else variant.batching,
                compile=variant.compiled,
            )
            with_precision = prepared._replace(precision=choose_precision(own.precision, CPU))
            work = partial(measure, variant, own, with_precision, steps)
            result = in_a_process_of_its_own(work)
            found[variant]["rounds"].append(result["examples_per_second"])
            found[variant]["pieces"] = result["pieces"]
            print(f"round {number + 1}  {variant}{result['examples_per_second']:8.2f}", flush=True)
        if number == 0:
            speeds = {variant: row["rounds"][0] for variant, row in found.items()}
            contenders = [
                variant
                for variant, speed in speeds.items()
                if variant in DEFAULTS or speed >= CONTENDS * fastest(speeds, variant.group)[1]
            ]
    return found


def fastest(speeds: dict[Variant, float], group: tuple[str, bool]) -> tuple[Variant, float]:
    """Of those that may be compared with each other."""
    mine = [item for item in speeds.items() if item[0].group == group]
    return max(mine, key=lambda item: item[1])


def report(task: str, found: dict[Variant, dict]) -> dict[str, object]:
    """Print the table of one task; the same for the file."""
    speeds = {variant: statistics.median(row["rounds"]) for variant, row in found.items()}
    defaults = {variant.side: speeds[variant] for variant in DEFAULTS}
    bests = [fastest(speeds, (side, False))[0] for side in defaults]
    best = {variant.side: speeds[variant] for variant in bests}

    print(f"\n{task:46}{'examples/s':>11}{'to their default':>18}{'best':>7}", end="")
    print(f"{'pieces':>14}{'rounds':>8}")
    rows = []
    for variant in sorted(speeds, key=lambda variant: (variant.side, -speeds[variant])):
        row = {
            **variant._asdict(),
            "default": variant in DEFAULTS,
            "best": variant in bests,
            "examples_per_second": speeds[variant],
            "to_transformers_default": speeds[variant] / defaults["transformers"],
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
        "default_to_default": defaults["minibert"] / defaults["transformers"],
        "default_to_best": defaults["minibert"] / best["transformers"],
        "best_to_best": best["minibert"] / best["transformers"],
    }
    for name, ratio in ratios.items():
        print(f"minibert's {name.replace('_', ' ').replace('to ', 'to their ')}: {ratio:.2f}x")
    return {"rows": rows, "ratios": ratios}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
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
    variants = make_variants([False] if args.no_compile else [False, True])
    load = os.getloadavg()[0]
    tasks = {}
    with tempfile.TemporaryDirectory() as name:
        in_a_process_of_its_own(partial(write_weights, config, Path(name)))
        for task in args.tasks:
            settings = GlueSettings(
                task=task, data=args.data, model=name, device="cpu", batch_size=32, max_length=128
            )
            found = measure_all(variants, settings, args.rounds, args.steps)
            tasks[task] = report(task, found)
    flags = " ".join(flag for flag in ("--no-compile", "--quick") if flag in sys.argv)
    write_result(
        args.output,
        {
            "tasks": tasks,
            "size": "tiny" if args.quick else "base",
            "batch_size": 32,
            "max_length": 128,
            "steps": args.steps,
            "rounds": args.rounds,
            "command": f"python benchmarks/train_cpu.py --data GLUE --tasks {' '.join(args.tasks)} "
            f"--steps {args.steps} --rounds {args.rounds} {flags}".rstrip(),
            "load_before": load,
            "transformers": version("transformers"),
            "accelerate": version("accelerate"),
            **machine(),
        },
    )


if __name__ == "__main__":
    main()
