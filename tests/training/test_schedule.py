"""The learning rate's course by hand-worked numbers, and beside that of `transformers`."""

import math

import pytest
import torch
import transformers
from torch import nn

from minibert.training.schedule import rate_factor
from minibert.training.settings import GlueSettings


def course(steps, **changes):
    settings = GlueSettings(task="sst-2", **changes)
    return [rate_factor(step, steps, settings) for step in range(steps)]


@pytest.mark.parametrize(
    ("steps", "warmup", "factors"),
    [
        (10, 0.2, [0, 1 / 2, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        (5, 0.3, [0, 1 / 2, 1, 2 / 3, 1 / 3]),  # 1.5 steps of warm-up are two
        (4, 0.0, [1, 3 / 4, 2 / 4, 1 / 4]),
        (4, 1.0, [0, 1 / 4, 2 / 4, 3 / 4]),
        (1, 0.0, [1]),
        (1, 0.1, [0]),
    ],
)
def test_linear_by_hand(steps, warmup, factors):
    assert course(steps, warmup=warmup) == pytest.approx(factors)


def test_constant_and_cosine_by_hand():
    root = math.sqrt(0.5)

    assert course(6, warmup=1 / 3, schedule="constant") == pytest.approx([0, 1 / 2, 1, 1, 1, 1])
    assert course(6, warmup=1 / 3, schedule="cosine") == pytest.approx(
        [0, 1 / 2, 1, (1 + root) / 2, 1 / 2, (1 - root) / 2]
    )


def test_googles_rate_drops_from_1_to_0_9_where_warm_up_ends():
    google = course(100, warmup=0.1, optimizer="google")
    standard = course(100, warmup=0.1)

    assert google[:10] == standard[:10] == pytest.approx([step / 10 for step in range(10)])
    assert (google[10], standard[10]) == pytest.approx((0.9, 1.0))
    assert google[10:] == pytest.approx([1 - step / 100 for step in range(10, 100)])


def test_google_rounds_its_warm_up_down():
    """int(num_train_steps * warmup_proportion) in run_classifier.py; `transformers` rounds up."""
    assert course(5, warmup=0.3, optimizer="google") == pytest.approx([0, 0.8, 0.6, 0.4, 0.2])


@pytest.mark.parametrize("steps", [1, 7, 20, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.1, 0.5])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_schedules_are_those_of_transformers(schedule, steps, warmup):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    make = getattr(transformers, f"get_{schedule}_schedule_with_warmup")
    theirs_schedule = make(optimizer, math.ceil(warmup * steps), steps)
    theirs = []
    for _ in range(steps):
        theirs.append(theirs_schedule.get_last_lr()[0])
        optimizer.step()
        theirs_schedule.step()

    assert course(steps, warmup=warmup, schedule=schedule) == pytest.approx(theirs)
