"""The schedule by hand-worked numbers; what decays and what does not; clipping by its effect."""

import math

import pytest
import torch
import transformers
from tiny_runs import SIZES
from torch import nn

from minibert import BertConfig, BertForSequenceClassification
from minibert.training.optimizer import decays, linear_schedule, make_optimizer, set_rate
from minibert.training.precision import Precision, clip_and_step


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForSequenceClassification(BertConfig(vocab_size=31, **SIZES))


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
def test_the_schedule_by_hand(steps, warmup, factors):
    assert list(linear_schedule(steps, warmup)) == pytest.approx(factors)


@pytest.mark.parametrize("steps", [1, 7, 20, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.1, 0.5])
def test_the_schedule_is_that_of_transformers(steps, warmup):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, math.ceil(warmup * steps), steps
    )
    theirs = []
    for _ in range(steps):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()

    assert list(linear_schedule(steps, warmup)) == pytest.approx(theirs)


def test_all_decays_but_biases_and_layer_norms(model):
    plain = {
        f"{path}.{name}"
        for path, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name == "bias" or type(module).__name__ == "LayerNorm"
    }
    names = {name for name, _ in model.named_parameters()}

    assert {name for name in names if not decays(name)} == plain
    assert {name for name in names if "norm" in name} < plain
    assert {"bert.embeddings.token.weight", "bert.pooler.dense.weight", "classifier.weight"} < {
        name for name in names if decays(name)
    }


def test_every_parameter_is_in_one_group_unless_it_is_frozen(model):
    model.bert.embeddings.requires_grad_(False)

    optimizer = make_optimizer(model, 3e-5, 0.01)

    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(held) == len(trained) < len(list(model.parameters()))
    assert {id(parameter) for parameter in held} == {id(parameter) for parameter in trained}
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]
    assert [group["lr"] for group in optimizer.param_groups] == [3e-5, 3e-5]


def test_decay_pulls_weights_towards_zero_and_nothing_else(model, randomized):
    randomized(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)

    make_optimizer(model, learning_rate=0.1, weight_decay=0.5).step()

    for name, parameter in model.named_parameters():
        factor = 1 - 0.1 * 0.5 if decays(name) else 1
        torch.testing.assert_close(parameter.detach(), factor * before[name], msg=name)


def test_a_rate_holds_for_all_groups_from_the_next_step(model):
    optimizer = make_optimizer(model, 1e-3, 0.0)
    before = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)

    set_rate(optimizer, 0.25)
    optimizer.step()  # Adam's first step is the rate itself, against the gradient's sign

    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    torch.testing.assert_close(before - after, torch.full_like(after, 0.25))


@pytest.mark.parametrize(("gradient", "step"), [([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_long_gradient_is_shortened_and_a_short_one_is_not(precision, gradient, step):
    """Also where float16's scaler has multiplied the gradient: it is divided first."""
    scaler = Precision(precision, "", torch.device("cpu")).scaler()
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler.scale((model.weight * torch.tensor([gradient])).sum()).backward()

    norm = clip_and_step(model, optimizer, scaler, most=1.0)

    assert norm.item() == pytest.approx(math.hypot(*gradient))
    assert (-model.weight.detach()[0]).tolist() == pytest.approx(step, rel=1e-5)
