"""The training loop: the order of events, and nothing else; the same for every task.

For every batch: forward, loss, backward, clip, step, log. At the end of an epoch, and in between if
asked: evaluate, keep the model if it is the best so far, stop if it has not been for too long. How
each of these is done stands where its noun lives.
"""

import math
import time
from collections.abc import Iterable
from typing import NamedTuple

from minibert.tokenization import BertTokenizer
from minibert.training.batches import batches_of, count_steps, micro_batches
from minibert.training.checkpoints import TrainingCheckpoint
from minibert.training.evaluation import evaluate, score
from minibert.training.faults import check_evaluation, report_fault
from minibert.training.learner import Learner, Learnt
from minibert.training.optimizer import set_rates
from minibert.training.parameters import freeze
from minibert.training.precision import clip
from minibert.training.progress import Progress
from minibert.training.protocols import Batch, FeatureSet
from minibert.training.reports.health import LOOKS, part_norms
from minibert.training.resume import restore, save
from minibert.training.run import RunDirectory
from minibert.training.schedule import rate_factor
from minibert.training.signals import Stopped, StopRequest
from minibert.training.state import State


class Outcome(NamedTuple):
    """What the loop found."""

    best_epoch: int  # of the model that was kept
    best_step: int
    steps: int  # fewer than planned where the run stopped early
    train_seconds: float  # without evaluation
    examples: int  # trained on, over all epochs
    tokens: int  # likewise, without padding


def train(
    learner: Learner,
    train_set: FeatureSet,
    dev_set: FeatureSet,
    run: RunDirectory,
    tokenizer: BertTokenizer,
    found: TrainingCheckpoint | None = None,
) -> Outcome:
    """Train the learner's model in place; the best weights and the tokenizer go to `run.model`.

    found: what to resume from. Raises `RunError` if a loss or gradient becomes NaN or infinite, and
    `Stopped` where a signal asked for it, once everything is saved.
    """
    model, settings, processes = learner.model, learner.settings, learner.processes
    steps = count_steps(train_set.lengths, settings)
    state = State() if found is None else restore(found, learner, train_set)
    patience = settings.early_stopping or math.inf

    with Progress(steps, state.step) as progress, StopRequest() as stop:
        while state.epoch <= settings.epochs and state.since_best < patience:
            freeze(model, settings, state.epoch)
            model.train()
            batches = batches_of(train_set.lengths, settings, state.epoch)
            for rows in batches[state.position :]:
                started = time.perf_counter()
                factor = rate_factor(state.step, steps, settings)
                set_rates(learner.optimizer, factor)
                parts = micro_batches(rows, settings.accumulation_steps * processes.count)
                learnt = learn(learner, map(train_set.packed, processes.share(parts)))
                state.step += 1
                state.position += 1
                state.examples += len(rows)
                state.tokens += int(train_set.lengths[rows].sum())
                state.train_seconds += time.perf_counter() - started

                place = {"step": state.step, "epoch": state.epoch}
                rate = settings.learning_rate * factor
                looked = {"part_norms": part_norms(model)} if state.step in LOOKS else {}
                run.log({**place, **learnt.numbers(rate), **looked}, state.tokens)
                progress.step(state.epoch, learnt.loss, rate)
                if not learnt.stepped:
                    report_fault(run, state.step, learnt, model, train_set, rows, settings)

                ends_epoch = state.position == len(batches)
                if ends_epoch or is_due(state.step, settings.evaluate_every):
                    dev = evaluate(model, learner.task, dev_set, learner.precision, processes)
                    run.log({**place, "dev_loss": dev.loss, **dev.metrics})
                    check_evaluation(dev, state.step)
                    progress.evaluated(state.epoch, None if ends_epoch else state.step, dev)
                    if state.is_best(score(dev.loss, dev.metrics, learner.task, settings.best_by)):
                        run.keep(model, tokenizer)
                if ends_epoch:
                    state.epoch, state.position = state.epoch + 1, 0

                asked = processes.any(stop.requested is not None)
                if asked or is_due(state.step, settings.checkpoint_every):
                    save(run, state, learner, train_set)
                if asked:
                    raise Stopped(f"stopped after step {state.step} of {steps}; all is saved")
                if state.since_best >= patience:
                    progress.stopped(state.since_best)
                    break

    return Outcome(
        state.best_epoch, state.best_step,
        state.step, state.train_seconds, state.examples, state.tokens,
    )  # fmt: skip


def learn(learner: Learner, batches: Iterable[Batch]) -> Learnt:
    """One optimizer step on these micro-batches and those of all other processes together.

    Each adds the gradient of its loss's *sum*. The denominators of all of them together divide at
    the end: so it makes no difference what a batch is cut into, however ragged. Where loss or
    gradient is not finite, no step is taken. The gradient is left to be looked at.
    """
    model, optimizer, scaler = learner.model, learner.optimizer, learner.scaler
    optimizer.zero_grad()
    total = denominator = next(model.parameters()).new_zeros(())
    for batch in batches:
        batch = batch.to(learner.precision.device)
        with learner.precision.autocast():
            out = model(**batch.inputs)
        part = learner.task.loss(out, batch, model.training)
        scaler.scale(part.total).backward()
        total, denominator = total + part.total.detach(), denominator + part.denominator
    learner.processes.add_up_gradients(model)
    total, denominator = learner.processes.add_up([total, denominator])
    denominator = denominator.where(denominator > 0, 1.0)  # a batch may hold nothing that counts
    norm = clip(model, optimizer, scaler, denominator, learner.settings.clip_norm).item()
    loss = (total / denominator).item()
    finite = math.isfinite(loss) and (math.isfinite(norm) or scaler.is_enabled())
    if finite:
        scaler.step(optimizer)  # float16: with an infinite gradient no step, but a lower scale
    scaler.update()
    return Learnt(loss, norm, finite)


def is_due(step: int, every: int | None) -> bool:
    """Whether it is time for what happens every so many steps; None: never."""
    return every is not None and step % every == 0
