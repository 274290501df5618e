"""Training examples per second on the CPU: minibert's loop beside `transformers.Trainer`.

    python benchmarks/train_cpu.py --data GLUE --output benchmarks/results/train_cpu.json

Dropout 0.1, AdamW fused (the default of both), clipping at 1.0. How it is measured stands in
`grid.py`; the grid of each side is

  precision  float32, or bfloat16 by autocast, where the processor multiplies that
  attention  written out ("math" here, "eager" there), or torch's own ("sdpa")
  batching   random, or by length ("bucket" here, "grouped" there); "tokens", of minibert alone,
             puts more short texts into a batch. That is another training, so it stands in the
             table, but is nobody's best
  compile    `torch.compile`, once it has compiled
"""

import tempfile
import time
from functools import partial
from itertools import chain, product

import grid
import numpy as np
import torch
from grid import PRECISION, PRECISIONS, Variant, Work
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

from minibert.training.batches import batches_of
from minibert.training.learner import Learner
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.prepare import load_model

# Each side's own defaults: what `auto` chooses on this machine, and `Trainer()`.
DEFAULTS = (
    Variant("minibert", PRECISION, grid.default_attention(training=True), "random"),
    Variant("transformers", "float32", "sdpa", "random"),
)


def make_variants() -> list[Variant]:
    """Both grids, before anything is compiled."""
    batchings = ("random", "bucket", "tokens")
    ours = product(["minibert"], PRECISIONS, ("math", "sdpa"), batchings)
    batchings = ("random", "grouped")
    theirs = product(["transformers"], PRECISIONS, ("eager", "sdpa"), batchings)
    return grid.alternating([Variant(*point) for point in ours], [Variant(*p) for p in theirs])


def make_batches(work: Work, lengths: np.ndarray) -> list[list[int]]:
    """All full batches of one pass, by the side's own rule."""
    settings, size = work.settings, work.settings.batch_size
    if work.variant.batching == "grouped":
        chance = torch.Generator().manual_seed(settings.seed)
        order = list(LengthGroupedSampler(size, lengths=lengths.tolist(), generator=chance))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
    else:
        batches = batches_of(lengths, settings, epoch=1)
    return [rows for rows in batches if len(rows) >= size]


def steps_of_ours(work: Work, batches: list[list[int]]) -> list[float]:
    """When each step was done."""
    prepared = work.prepared
    model = load_model(work.settings, prepared).train()
    learner = Learner.start(model, prepared.task, work.settings, prepared.precision)
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


def steps_of_theirs(work: Work, batches: list[list[int]]) -> list[float]:
    """When each step was done."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    variant, settings, features = work.variant, work.settings, work.prepared.train_set
    clock = Clock()
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


def measure(work: Work) -> dict[str, object]:
    """Examples per second of one variant, and how many word pieces an example had."""
    torch.manual_seed(0)
    features = work.prepared.train_set
    steps = steps_of_ours if work.variant.side == "minibert" else steps_of_theirs
    return work.clocked(make_batches(work, features.lengths), features, partial(steps, work))


if __name__ == "__main__":
    grid.compare(__doc__, make_variants(), DEFAULTS, measure, passes=3, companions=("accelerate",))
