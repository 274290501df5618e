"""Running a model over many examples without training it."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from minibert.model import BertForSequenceClassification
from minibert.tasks.sequence import Features, SequenceTask
from minibert.training.batches import sorted_batches
from minibert.training.precision import Precision


class Evaluation(NamedTuple):
    """What a model makes of a set of examples, in their own order."""

    logits: NDArray[np.float32]  # (N, C)
    loss: float  # mean over the examples; NaN where labels are unknown
    metrics: dict[str, float]  # empty where labels are unknown
    doubts: tuple[str, ...] = ()  # what speaks against the result, where it was asked


@torch.no_grad()
def evaluate(
    model: BertForSequenceClassification,
    task: SequenceTask,
    features: Features,
    precision: Precision,
    batch_size: int = 64,
) -> Evaluation:
    """Logits, loss and metrics over all examples. The model is left in the mode it was in."""
    was_training = model.training
    model.eval()
    logits = torch.empty(len(features), task.num_labels)
    total = 0.0
    for rows in sorted_batches(features.lengths, batch_size):
        batch = features.batch(rows).to(precision.device)
        with precision.autocast():
            out = model(**batch.inputs)
        logits[rows] = out.logits.float().cpu()
        if batch.labels is not None:
            total += float(task.loss(out, batch).total)
    model.train(was_training)
    found = logits.numpy()
    if features.labels is None:
        return Evaluation(found, float("nan"), {})
    return Evaluation(found, total / len(features), task.metrics(found, features.labels.numpy()))
