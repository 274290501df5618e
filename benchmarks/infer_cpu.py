"""Examples per second on the CPU without training: minibert beside `transformers`.

    python benchmarks/infer_cpu.py --data GLUE --output benchmarks/results/infer_cpu.json

The dev sets' texts through a classifier, whose logits are all that is asked for. How it is measured
stands in `grid.py`; the grid of each side is

  precision  float32; where the processor multiplies it bfloat16 by autocast; or "pure", for which
             weights and everything else are bfloat16 (LayerNorm and softmax lose digits by that:
             nobody's default)
  attention  written out ("math" here, "eager" there), or torch's own ("sdpa")
  batching   as the texts come ("given"), or longest first ("sorted")
  compile    `torch.compile`, once it has compiled
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import product

import grid
import numpy as np
import torch
from grid import CPU, PRECISION, PRECISIONS, Variant, Work
from torch import Tensor
from transformers import BertForSequenceClassification as TheirModel
from transformers.utils import logging

from minibert.training.batches import sorted_batches
from minibert.training.prepare import load_model

# What `evaluate` does here, and what one gets by calling a model as it is loaded there.
DEFAULTS = (
    Variant("minibert", PRECISION, grid.default_attention(training=False), "sorted"),
    Variant("transformers", "float32", "sdpa", "given"),
)


def make_variants() -> list[Variant]:
    """Both grids, before anything is compiled."""

    def ways(side: str, written_out: str) -> list[Variant]:
        precisions = (*PRECISIONS, "pure") if "bfloat16" in PRECISIONS else PRECISIONS
        points = product(precisions, (written_out, "sdpa"), ("given", "sorted"))
        return [Variant(side, *point) for point in points]

    return grid.alternating(ways("minibert", "math"), ways("transformers", "eager"))


def make_batches(work: Work, lengths: np.ndarray) -> list[list[int]]:
    """Full batches of the set; the texts that are too many for that are its last."""
    size = work.settings.batch_size
    count = len(lengths) // size * size
    if work.variant.batching == "sorted":
        return list(sorted_batches(lengths[:count], size))
    return np.arange(count).reshape(-1, size).tolist()


def make_forward(work: Work) -> Callable[[list[int]], Tensor]:
    """From rows of the dev set to their logits."""
    variant, settings, features = work.variant, work.settings, work.prepared.dev_set
    if variant.side == "minibert":
        model, collate = load_model(settings, work.prepared), features.packed
    else:
        model, collate = load_theirs(variant, settings.model), features.batch
    model.eval()
    if variant.precision == "pure":
        model.to(torch.bfloat16)
    return lambda rows: model(**collate(rows).to(CPU).inputs).logits


def load_theirs(variant: Variant, folder: str) -> TheirModel:
    """The same weights there."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = TheirModel.from_pretrained(folder, attn_implementation=variant.attention)
    if variant.compiled:
        model.compile(dynamic=True)
    return model


@torch.no_grad()
def run(work: Work, batches: list[list[int]]) -> list[float]:
    """When each batch was done."""
    forward, done = make_forward(work), []
    with work.prepared.precision.autocast():  # one for all: so it casts weights once, on both sides
        for rows in batches:
            forward(rows)
            done.append(time.perf_counter())
    return done


def measure(work: Work) -> dict[str, object]:
    """Examples per second of one variant, and how many word pieces an example had."""
    features = work.prepared.dev_set
    return work.clocked(make_batches(work, features.lengths), features, partial(run, work))


if __name__ == "__main__":
    grid.compare(__doc__, make_variants(), DEFAULTS, measure, passes=1, companions=())
