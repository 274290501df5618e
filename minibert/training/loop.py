"""The training loop: the order of events, and nothing else.

For every batch: forward, loss, backward, clip, step, log. After every epoch: evaluate, and keep the
model if it is the best so far. How each of these is done stands where its noun lives.
"""

import math
import time
from typing import NamedTuple

import torch

from minibert.errors import RunError
from minibert.model import BertForSequenceClassification
from minibert.tasks.sequence import Features, SequenceTask
from minibert.tokenization import BertTokenizer
from minibert.training.batches import random_batches
from minibert.training.evaluation import Evaluation, evaluate
from minibert.training.health import LOOKS, part_norms
from minibert.training.optimizer import linear_schedule, make_optimizer, set_rate
from minibert.training.precision import Precision, clip_and_step
from minibert.training.progress import Progress
from minibert.training.run import RunDirectory
from minibert.training.settings import Settings

LONGEST_GRADIENT = 1.0  # BERT's clipping (google-research/bert, optimization.py)


class Outcome(NamedTuple):
    """What the loop found."""

    best: Evaluation  # of the epoch whose model was kept
    best_epoch: int
    train_seconds: float  # without evaluation
    examples: int  # trained on, over all epochs
    tokens: int  # likewise, without padding


def train(
    model: BertForSequenceClassification,
    task: SequenceTask,
    train_set: Features,
    dev_set: Features,
    settings: Settings,
    precision: Precision,
    run: RunDirectory,
    tokenizer: BertTokenizer,
) -> Outcome:
    """Train `model` in place; the best epoch's weights and tokenizer are saved in `run.model`.

    Raises `RunError` if the loss becomes NaN or infinite.
    """
    shuffle = torch.Generator().manual_seed(settings.seed)
    steps = settings.epochs * math.ceil(len(train_set) / settings.batch_size)
    optimizer = make_optimizer(model, settings.learning_rate, settings.weight_decay)
    factors = linear_schedule(steps, settings.warmup)
    scaler = precision.scaler()
    best: Evaluation | None = None
    best_epoch = step = tokens = 0
    train_seconds = 0.0

    with Progress(steps) as progress:
        for epoch in range(1, settings.epochs + 1):
            started = time.perf_counter()
            model.train()
            for rows in random_batches(len(train_set), settings.batch_size, shuffle):
                step += 1
                rate = settings.learning_rate * next(factors)
                batch = train_set.batch(rows).to(precision.device)
                with precision.autocast():
                    out = model(**batch.inputs)
                total, denominator = task.loss(out, batch)
                loss = total / denominator
                scaler.scale(loss).backward()
                set_rate(optimizer, rate)
                norm = clip_and_step(model, optimizer, scaler, LONGEST_GRADIENT)
                looked = {"part_norms": part_norms(model)} if step in LOOKS else {}
                optimizer.zero_grad()

                measured = {"loss": loss.item(), "rate": rate, "gradient_norm": norm.item()}
                _check("training loss", measured["loss"], step)
                tokens += int(train_set.lengths[rows].sum())
                run.log({"step": step, "epoch": epoch, **measured, **looked}, tokens)
                progress.step(epoch, measured["loss"], rate)
            train_seconds += time.perf_counter() - started

            found = evaluate(model, task, dev_set, precision)
            _check("dev loss", found.loss, step)
            run.log({"step": step, "epoch": epoch, "dev_loss": found.loss, **found.metrics})
            progress.epoch(epoch, found)
            if best is None or task.score(found.metrics) > task.score(best.metrics):
                best, best_epoch = found, epoch
                model.save_pretrained(run.model, tokenizer)

    assert best is not None  # there is at least one epoch
    examples = settings.epochs * len(train_set)
    return Outcome(best, best_epoch, train_seconds, examples, tokens)


def _check(what: str, loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise RunError(
            f"the {what} is {loss} at step {step}: the learning rate is too high, or the data "
            "holds something that it should not"
        )
