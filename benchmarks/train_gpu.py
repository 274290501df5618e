"""Training steps of BERT-base on a GPU: minibert beside `transformers`' model, in bfloat16.

    python benchmarks/train_gpu.py --output benchmarks/results/train_gpu.json

Two tasks: classification of texts as long as MNLI's, and SQuAD's windows of up to 384 word pieces.
Word pieces are drawn at random, lengths from the distributions of the real data. The same examples
in the same batches for both sides, weights from one folder, dropout 0.1, AdamW fused, gradients
clipped at 1.0; nothing but steps is timed, and batches lie on the GPU beforehand.

  minibert      packed batches and its fused kernels, as it trains by default; --compile as well
  transformers  padded batches: torch's attention (sdpa), or flash_attention_2 where that is
                installed; random batches or, by length, "grouped"; with and without torch.compile

Each way is a process of its own. "tokens/s" counts real word pieces. The share of the matmul rate
is what the model's products on real tokens (6 operations a weight and token, and 12 S D a layer and
token for attention) come to, beside a product of matrices measured in the same run.
"""

import argparse
import os
import statistics
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import in_a_process_of_its_own, machine, write_result

from minibert import BertConfig, BertForQuestionAnswering, BertForSequenceClassification
from minibert.tasks.features import Batch, Features
from minibert.tasks.glue import task_named
from minibert.tasks.squad.task import SquadTask
from minibert.training.learner import Learner
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.precision import choose_precision
from minibert.training.settings import GlueSettings

# Word pieces at every twentieth of the examples, in order of length: MNLI's and SQuAD 1.1's, of
# the first 3,000 training examples each.
MNLI = (6, 16, 19, 22, 25, 27, 29, 31, 33, 35, 37, 40, 42, 44, 47, 50, 54, 58, 63, 73, 128)
SQUAD = (41, 72, 90, 104, 118, 125, 132, 138, 144, 152, 161, 168, 179, 192, 208, 224, 248, 278,
         321, 384, 384)  # fmt: skip
WARM_UP = 8  # steps; the first are of the widest and the narrowest batch


class Case(NamedTuple):
    """What is learnt."""

    name: str
    quantiles: tuple[int, ...]
    batch_size: int
    spans: bool  # else classes


CASES = (
    Case("glue", MNLI, 32, spans=False),
    Case("glue", MNLI, 128, spans=False),
    Case("squad", SQUAD, 32, spans=True),
)


class Way(NamedTuple):
    """How it is computed."""

    side: str
    attention: str
    batching: str
    compiled: bool

    def __str__(self) -> str:
        compiled = "compile" if self.compiled else ""
        return f"{self.side:13}{self.attention:18}{self.batching:8}{compiled:8}"


class Drawn(Features):
    """Random word pieces of given lengths; labels at random too."""

    def __init__(self, case: Case, count: int):
        chance = np.random.default_rng(0)
        places = chance.uniform(0, len(case.quantiles) - 1, count)
        lengths = np.interp(places, range(len(case.quantiles)), case.quantiles)
        self.lengths = lengths.astype(np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.ids = chance.integers(1000, 30000, self.starts[-1]).astype(np.int32)
        self.segments = np.zeros(len(self.ids), np.int8)
        self.pad_id = 0
        ends = chance.integers(0, 2, count)
        if case.spans:
            ends = np.sort(chance.integers(0, self.lengths[:, None], (count, 2)), axis=1)
        self.labels = torch.from_numpy(ends)


def batches_of(drawn: Drawn, case: Case, batching: str, steps: int) -> list[list[int]]:
    """As many full batches; grouped: of like lengths, in random order."""
    order = np.arange(len(drawn.lengths))
    if batching == "grouped":
        order = np.argsort(drawn.lengths, kind="stable")
    batches = order[: len(order) // case.batch_size * case.batch_size].reshape(-1, case.batch_size)
    return np.random.default_rng(1).permutation(batches)[:steps].tolist()


def measure(case: Case, way: Way, folder: Path, steps: int, device: str) -> dict[str, float]:
    """Seconds a step, and the most memory, of one way."""
    torch.manual_seed(0)
    drawn = Drawn(case, steps * case.batch_size)
    rows = batches_of(drawn, case, way.batching, steps)
    widths = [int(drawn.lengths[some].max()) for some in rows]
    ours = way.side == "minibert"
    make = drawn.packed if ours else drawn.batch
    batches = [make(some).to(torch.device(device)) for some in rows]
    step = our_step(case, way, folder, device) if ours else their_step(case, way, folder, device)

    first = [int(np.argmax(widths)), int(np.argmin(widths)), *range(WARM_UP - 2)]
    for place in range(len(batches)) if way.compiled else first:
        step(batches[place % len(batches)])
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(3):  # passes; each is one measurement, since steps run behind the clock
        seconds.append(clocked(step, batches, device) / len(batches))
    memory = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else float("nan")
    tokens = sum(int(drawn.lengths[some].sum()) for some in rows) / len(rows)
    squares = sum(int((drawn.lengths[some] ** 2).sum()) for some in rows) / len(rows)
    return {
        "seconds": statistics.median(seconds),
        "memory_mb": memory,
        "tokens": tokens,
        "squares": squares,
    }


def clocked(step, batches: list[Batch], device: str) -> float:
    """Seconds for all batches, until the GPU has done them."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def our_step(case: Case, way: Way, folder: Path, device: str):
    """A step of minibert's loop."""
    kind = BertForQuestionAnswering if case.spans else BertForSequenceClassification
    task = SquadTask("1.1") if case.spans else task_named("sst-2")
    model = kind.from_pretrained(folder, attention=way.attention).to(device).train()
    if way.compiled:
        model.compile(dynamic=True)
    settings = GlueSettings(task="sst-2", batch_size=case.batch_size)
    precision = choose_precision("bfloat16", torch.device(device))
    learner = Learner.start(model, task, settings, precision)
    set_rates(learner.optimizer, 1.0)
    return lambda batch: learn(learner, [batch])


def their_step(case: Case, way: Way, folder: Path, device: str):
    """A step as `Trainer` takes it, without what it does beside."""
    import transformers

    transformers.logging.set_verbosity_error()
    name = "QuestionAnswering" if case.spans else "SequenceClassification"
    kind = getattr(transformers, f"BertFor{name}")
    model = kind.from_pretrained(folder, attn_implementation=way.attention).to(device).train()
    if way.compiled:
        model.compile(dynamic=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)

    def step(batch: Batch) -> float:
        labels = {"labels": batch.labels}
        if case.spans:
            labels = dict(zip(("start_positions", "end_positions"), batch.labels.T, strict=True))
        with torch.autocast(device, torch.bfloat16):
            loss = model(**batch.inputs, **labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()  # minibert's loop looks at it, too

    return step


def matmul_rate(device: str, size: int) -> float:
    """Operations a second of a product of two square matrices in bfloat16, at best."""
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    product_of = lambda _: one @ other  # noqa: E731
    clocked(product_of, [None] * 3, device)
    return 2 * size**3 * 20 / min(clocked(product_of, [None] * 20, device) for _ in range(3))


def operations(config: BertConfig, found: dict[str, float]) -> float:
    """Of the products of one step on real tokens: forward, and twice that backward."""
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    weights = layers * (4 * hidden**2 + 2 * hidden * inner)
    return 6 * weights * found["tokens"] + 12 * layers * hidden * found["squares"]


def ways(fused: str, compiled: bool) -> list[Way]:
    """All that are measured, with `torch.compile` or without."""
    theirs = product(("sdpa", "flash_attention_2"), ("random", "grouped"))
    return [
        Way("minibert", fused, "random", compiled),
        *(Way("transformers", *way, compiled) for way in theirs),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=40, help="batches of each case")
    parser.add_argument("--seconds", type=float, default=540, help="start nothing after so long")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="two small layers, to try the script")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    # Asked in a way that leaves CUDA alone: a process that has used it can fork none that does.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    facts = in_a_process_of_its_own(machine)
    config = BertConfig.base()
    if args.tiny:
        config = BertConfig.tiny()
    fused = "fused" if device == "cuda" else "math"

    started = time.monotonic()
    compiled = [False] if args.no_compile else [False, True]
    # What compiles comes last: it takes a minute each, and time may be up before.
    plan = [(case, way) for kind in compiled for case in CASES for way in ways(fused, kind)]
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        BertForSequenceClassification(config, num_labels=2).save_pretrained(folder)
        rate = in_a_process_of_its_own(lambda: matmul_rate(device, 512 if args.tiny else 8192))
        print(f"a product of matrices: {rate / 1e12:.1f} TFLOP/s")
        print(f"{'case':12}{'way':47}{'seq/s':>9}{'tokens/s':>11}{'of matmul':>10}{'MB':>8}")
        for case, way in plan:
            row = {"case": case.name, "batch_size": case.batch_size, **way._asdict()}
            rows.append(row)
            told = f"{case.name} {case.batch_size:<5}"
            if time.monotonic() - started > args.seconds:
                row["failed"] = "no time left"
            else:
                work = partial(measure, case, way, Path(folder), args.steps, device)
                try:
                    row |= in_a_process_of_its_own(work)
                except SystemExit as fault:
                    row["failed"] = str(fault)
            if "failed" in row:
                print(f"{told:12}{way} {row['failed']}", flush=True)
                continue
            row["share_of_matmul"] = operations(config, row) / row["seconds"] / rate
            row["sequences_per_second"] = case.batch_size / row["seconds"]
            figures = f"{row['sequences_per_second']:9.0f}{row['tokens'] / row['seconds']:11,.0f}"
            figures += f"{row['share_of_matmul']:10.1%}{row['memory_mb']:8.0f}"
            print(f"{told:12}{way}{figures}", flush=True)
            write_result(args.output, {"rows": rows, "matmul_rate": rate, **facts})
    for case in CASES:
        show_ratio(rows, case)


def show_ratio(rows: list[dict], case: Case) -> None:
    """Our best beside their best."""
    best = {}
    for row in rows:
        if (row["case"], row["batch_size"]) == (case.name, case.batch_size) and "seconds" in row:
            side = row["side"]
            best[side] = max(best.get(side, 0.0), row["sequences_per_second"])
    if len(best) == 2:
        ratio = best["minibert"] / best["transformers"]
        print(f"{case.name} {case.batch_size}: our best is {ratio:.2f} times theirs")


if __name__ == "__main__":
    main()
