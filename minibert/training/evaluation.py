"""Running a model over many examples without training it."""

from typing import Any, NamedTuple

import torch

from minibert.errors import ConfigError
from minibert.model.bert import BertWithHead
from minibert.training.batches import sorted_batches
from minibert.training.precision import Precision
from minibert.training.processes import ALONE, Processes
from minibert.training.protocols import FeatureSet, Task

DEV_LOSS = "dev_loss"  # the one figure of an evaluation of which less is better


class Evaluation(NamedTuple):
    """What a model makes of a set of examples, in their own order."""

    outputs: Any  # what the task's `collect` makes of it: logits (N, C) where texts are classified
    loss: float  # mean over what the task counts; NaN where labels are unknown
    metrics: dict[str, float]  # empty where labels are unknown
    report: str = ""  # what was evaluated, where it was asked; and so is the next
    doubts: tuple[str, ...] = ()  # what speaks against the result


@torch.no_grad()
def evaluate(
    model: BertWithHead[Any],
    task: Task,
    features: FeatureSet,
    precision: Precision,
    processes: Processes = ALONE,
    batch_size: int = 64,
) -> Evaluation:
    """Outputs, loss and metrics over all examples. The model is left in the mode it was in.

    Several processes share the batches out; each gets the whole result.
    """
    was_training = model.training
    model.eval()
    parts = []
    total = denominator = 0.0
    with precision.autocast():  # one for all batches: so it casts the weights but once
        for rows in processes.share(list(sorted_batches(features.lengths, batch_size))):
            batch = features.packed(rows).to(precision.device)
            out = model(**batch.inputs)
            parts.append((rows, out._make(value.float().cpu() for value in out)))
            if features.labels is not None:
                loss = task.loss(out, batch)
                total += loss.total.item()
                denominator += loss.denominator.item()
    model.train(was_training)
    parts = processes.gather(parts)
    total, denominator = map(sum, zip(*processes.gather([(total, denominator)]), strict=True))
    found = task.collect(parts, features)
    if features.labels is None:
        return Evaluation(found, float("nan"), {})
    return Evaluation(found, total / denominator, task.metrics(found, features))


def check_best_by(best_by: str | None, task: Task) -> None:
    """Raises `ConfigError` if no evaluation of this task gives the figure."""
    known = (*task.metric_names, DEV_LOSS)
    if best_by is not None and best_by not in known:
        raise ConfigError(f"best_by {best_by!r} is unknown here; choose one of {', '.join(known)}")


def score(loss: float, metrics: dict[str, float], task: Task, best_by: str | None) -> float:
    """The number by which models are compared, higher is better; None: the task's own choice.

    Raises `ConfigError` for a figure that this evaluation has not given: SQuAD's of questions
    without an answer, where all have one.
    """
    if best_by is None:
        return task.score(metrics)
    if best_by == DEV_LOSS:
        return -loss
    if best_by not in metrics:
        given = ", ".join((*metrics, DEV_LOSS))
        raise ConfigError(f"best_by {best_by!r} is none of what this dev set gives: {given}")
    return metrics[best_by]
