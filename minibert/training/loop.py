"""The training loop: the order of events, and nothing else; the same for every task.

For every batch: forward, loss, backward, clip, step, log. At the end of an epoch, and in between if
asked: evaluate, keep the model if it is the best so far, stop if it has not been for too long. How
each of these is done stands where its noun lives.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from minibert.errors import RunError
from minibert.model.bert import BertWithHead
from minibert.tokenization import BertTokenizer
from minibert.training.batches import batches_of, count_steps, micro_batches
from minibert.training.evaluation import Evaluation, evaluate, score
from minibert.training.optimizer import make_optimizer, set_rates
from minibert.training.parameters import freeze
from minibert.training.precision import Precision, clip_and_step
from minibert.training.progress import Progress
from minibert.training.protocols import Batch, FeatureSet, Task
from minibert.training.run import RunDirectory
from minibert.training.schedule import rate_factor
from minibert.training.settings import Settings


@dataclass
class State:
    """Where a run stands between two steps.

    With weights, optimizer, scaler and the random generators this is all that it needs to go on:
    rates and batches are functions of these numbers.
    """

    epoch: int = 1
    position: int = 0  # steps done in this epoch
    step: int = 0  # steps done in all
    examples: int = 0  # trained on
    tokens: int = 0  # trained on, without padding
    train_seconds: float = 0.0  # without evaluation
    best_score: float | None = None
    best_epoch: int = 0
    best_step: int = 0
    since_best: int = 0  # evaluations


class Outcome(NamedTuple):
    """What the loop found."""

    best: Evaluation  # of the model that was kept
    best_epoch: int
    best_step: int
    steps: int  # fewer than planned where the run stopped early
    train_seconds: float  # without evaluation
    examples: int  # trained on, over all epochs
    tokens: int  # likewise, without padding


def train(
    model: BertWithHead[Any],
    task: Task,
    train_set: FeatureSet,
    dev_set: FeatureSet,
    settings: Settings,
    precision: Precision,
    run: RunDirectory,
    tokenizer: BertTokenizer,
) -> Outcome:
    """Train `model` in place; the best weights and the tokenizer are saved in `run.model`.

    Raises `RunError` if the loss becomes NaN or infinite.
    """
    state = State()
    best: Evaluation | None = None
    steps = count_steps(train_set.lengths, settings)
    optimizer = make_optimizer(model, settings)
    scaler = precision.scaler()
    patience = settings.early_stopping or math.inf

    with Progress(steps) as progress:
        while state.epoch <= settings.epochs and state.since_best < patience:
            freeze(model, settings, state.epoch)
            model.train()
            batches = batches_of(train_set.lengths, settings, state.epoch)
            for rows in batches[state.position :]:
                started = time.perf_counter()
                factor = rate_factor(state.step, steps, settings)
                set_rates(optimizer, factor)
                parts = map(train_set.batch, micro_batches(rows, settings.accumulation_steps))
                loss, norm = learn(model, task, parts, precision, optimizer, scaler, settings)
                state.step += 1
                state.position += 1
                state.examples += len(rows)
                state.tokens += int(train_set.lengths[rows].sum())
                state.train_seconds += time.perf_counter() - started

                _check("training loss", loss, state.step)
                place = {"step": state.step, "epoch": state.epoch}
                rate = settings.learning_rate * factor
                measured = {"loss": loss, "rate": rate, "gradient_norm": norm}
                run.log({**place, **measured}, state.tokens)
                progress.step(state.epoch, loss, rate)

                ends_epoch = state.position == len(batches)
                due = settings.evaluate_every and state.step % settings.evaluate_every == 0
                if not (ends_epoch or due):
                    continue
                found = evaluate(model, task, dev_set, precision)
                _check("dev loss", found.loss, state.step)
                run.log({**place, "dev_loss": found.loss, **found.metrics})
                progress.evaluated(state.epoch, None if ends_epoch else state.step, found)
                state.since_best += 1
                new_score = score(found, task, settings.best_by)
                if state.best_score is None or new_score > state.best_score:
                    best, state.best_score, state.since_best = found, new_score, 0
                    state.best_epoch, state.best_step = state.epoch, state.step
                    model.save_pretrained(run.model, tokenizer)
                if state.since_best >= patience:
                    progress.stopped(state.since_best)
                    break
            state.epoch, state.position = state.epoch + 1, 0

    assert best is not None  # every epoch ends with an evaluation
    return Outcome(
        best, state.best_epoch, state.best_step,
        state.step, state.train_seconds, state.examples, state.tokens,
    )  # fmt: skip


def learn(
    model: BertWithHead[Any],
    task: Task,
    batches: Iterable[Batch],
    precision: Precision,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    settings: Settings,
) -> tuple[float, float]:
    """One optimizer step on these micro-batches together; its loss, and its gradient's norm.

    Each adds the gradient of its loss's *sum*. The denominators of all of them together divide at
    the end: so it makes no difference what a batch is cut into, however ragged.
    """
    total = denominator = torch.zeros((), device=precision.device)
    for batch in batches:
        batch = batch.to(precision.device)
        with precision.autocast():
            out = model(**batch.inputs)
        loss = task.loss(out, batch, model.training)
        scaler.scale(loss.total).backward()
        total, denominator = total + loss.total.detach(), denominator + loss.denominator
    denominator = denominator.where(denominator > 0, 1.0)  # a batch may hold nothing that counts
    norm = clip_and_step(model, optimizer, scaler, denominator, settings.clip_norm)
    optimizer.zero_grad()
    return (total / denominator).item(), norm.item()


def _check(what: str, loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise RunError(
            f"the {what} is {loss} at step {step}: the learning rate is too high, or the data "
            "holds something that it should not"
        )
