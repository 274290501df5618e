"""Two tries before a run: can it learn one batch by heart, and which learning rate suits it?

Source: Smith 2017 ("Cyclical learning rates", section 3.3) for the range test.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from minibert.model.bert import BertWithHead
from minibert.tasks.reports.pictures import BLUE, RED
from minibert.training.batches import batches_of, micro_batches
from minibert.training.learner import Learner
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.parameters import freeze
from minibert.training.precision import Precision
from minibert.training.protocols import FeatureSet, Task
from minibert.training.run import RunDirectory
from minibert.training.settings import Settings

NEAR_ZERO = 0.01  # a loss: every example has its class with a probability of 99 %
MOST_STEPS = 200  # to get there
RANGE = (1e-7, 1e-1)  # of rates, far too low to far too high
RANGE_STEPS = 100
MEMORY = 0.9  # of the moving average that smooths the losses
HOPELESS = 4.0  # times the lowest loss: no need to go on


class RangeTest(NamedTuple):
    """What a learning-rate range test has seen."""

    rates: list[float]  # of each step
    losses: list[float]
    smooth: list[float]  # the same without the batches' ups and downs
    suggestion: float | None  # None where no rate made the loss fall


def overfit_batch(
    model: BertWithHead[Any],
    task: Task,
    train_set: FeatureSet,
    settings: Settings,
    precision: Precision,
) -> bool:
    """Train on the first batch alone, again and again; print, and return, whether it was learnt.

    Without what would keep the loss up: dropout, weight decay, smoothing, a changing rate. A model
    that cannot learn a few examples by heart will learn nothing from many: then it is the data, the
    labels, the rate, or something that is frozen.
    """
    settings = replace(settings, weight_decay=0.0)
    rows = batches_of(train_set.lengths, settings, epoch=1)[0]
    freeze(model, settings, epoch=1)
    model.eval()
    learner = Learner.start(model, task, settings, precision)
    set_rates(learner.optimizer, 1.0)
    print(f"one batch of {len(rows)} examples, at most {MOST_STEPS} steps")
    for step in range(1, MOST_STEPS + 1):
        parts = map(train_set.packed, micro_batches(rows, settings.accumulation_steps))
        loss = learn(learner, parts).loss
        if step in (1, 2, 5) or step % 10 == 0:
            print(f"step {step:3}  loss {loss:.4f}")
        if loss < NEAR_ZERO:
            print(f"learnt by heart: loss {loss:.4f} at step {step}; data, model and rate can work")
            return True
    print(
        f"NOT learnt by heart: loss {loss:.4f} after {MOST_STEPS} steps. Look at the labels of "
        "this batch, try a rate ten times higher or lower (--lr), and freeze nothing"
    )
    return False


def lr_range_test(
    model: BertWithHead[Any],
    task: Task,
    train_set: FeatureSet,
    settings: Settings,
    precision: Precision,
    run: RunDirectory,
) -> RangeTest:
    """Train with a rate that grows from step to step until the loss goes up for good.

    The suggestion is a tenth of the rate at which the smoothed loss was lowest: there it is still
    falling fast, and training is safe from where it begins to rise. One rate for all parameters,
    whatever `head_learning_rate` says.
    """
    settings = replace(settings, learning_rate=1.0, head_learning_rate=None)
    freeze(model, settings, epoch=1)
    model.train()
    learner = Learner.start(model, task, settings, precision)
    test = RangeTest([], [], [], None)
    average = 0.0
    low, high = RANGE
    for step, rows in zip(range(RANGE_STEPS), _endless(train_set, settings), strict=False):
        rate = low * (high / low) ** (step / (RANGE_STEPS - 1))
        set_rates(learner.optimizer, rate)
        parts = map(train_set.packed, micro_batches(rows, settings.accumulation_steps))
        learnt = learn(learner, parts)
        loss = learnt.loss
        run.log({"step": step + 1, **learnt.numbers(rate)})
        average = MEMORY * average + (1 - MEMORY) * loss
        smooth = average / (1 - MEMORY ** (step + 1))  # as if it had not begun at zero
        if not math.isfinite(loss) or smooth > HOPELESS * min([smooth, *test.smooth]):
            break
        test.rates.append(rate)
        test.losses.append(loss)
        test.smooth.append(smooth)
    return test._replace(suggestion=_suggest(test))


def try_rates(
    model: BertWithHead[Any],
    task: Task,
    train_set: FeatureSet,
    settings: Settings,
    precision: Precision,
    path: Path,
) -> None:
    """The range test as a run of its own, with its picture and what it suggests."""
    with RunDirectory(path, settings.as_json()) as run:
        test = lr_range_test(model, task, train_set, settings, precision, run)
    picture = path / "lr_range.png"
    draw_range(test, picture, f"{task.name}: loss while the rate rises")
    if test.suggestion is None:
        print(f"no rate from {test.rates[0]:.0e} up made the loss fall; see {picture}")
    else:
        print(f"suggested: --lr {test.suggestion:.0e}; see {picture}")


def draw_range(test: RangeTest, picture: Path, title: str) -> None:
    """lr_range.png: the loss over the rate, and where the suggestion lies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    panel.semilogx(test.rates, test.losses, color=BLUE, alpha=0.25, linewidth=0.8)
    panel.semilogx(test.rates, test.smooth, color=BLUE, label="training loss, smoothed")
    if test.suggestion is not None:
        label = f"suggestion {test.suggestion:.0e}"
        panel.axvline(test.suggestion, color=RED, linestyle="--", label=label)
    panel.set(title=title, xlabel="learning rate", ylabel="loss")
    panel.legend(frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(alpha=0.25)
    figure.savefig(picture, dpi=120)


def _suggest(test: RangeTest) -> float | None:
    """A tenth of the best rate; none where the loss never fell below its beginning."""
    if not test.smooth:
        return None
    best = min(range(len(test.smooth)), key=test.smooth.__getitem__)
    return test.rates[best] / 10 if best > 0 else None


def _endless(train_set: FeatureSet, settings: Settings) -> Iterator[list[int]]:
    for epoch in count(1):
        yield from batches_of(train_set.lengths, settings, epoch)
