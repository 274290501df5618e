"""The two kinds of AdamW against their formulas; groups, rates and decay by their effect."""

import math

import numpy as np
import pytest
import torch
from tiny_runs import SIZES
from torch import nn

from minibert import BertConfig, BertForSequenceClassification
from minibert.training.optimizer import make_optimizer, set_rates
from minibert.training.parameters import decays
from minibert.training.precision import Precision, clip
from minibert.training.settings import GlueSettings

every_kind = pytest.mark.parametrize("kind", ["standard", "google"])


def asked(**changes):
    return GlueSettings(task="sst-2", **changes)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForSequenceClassification(BertConfig(vocab_size=31, **SIZES))


def copies(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def give_gradients(model, value):
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


def plain_steps(start, gradients, rate, decay, google):
    """Adam with decoupled decay, transcribed from the papers' formulas in NumPy."""
    p, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        if google:
            change = m / (np.sqrt(v) + 1e-6)
        else:
            change = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        p = p - rate * (change + decay * p)
    return p


@every_kind
def test_seven_steps_are_those_of_the_formula(kind, model, randomized):
    """Gradients as small as eps, too, for it to make a difference."""
    randomized(model).double()
    optimizer = make_optimizer(model, asked(optimizer=kind, weight_decay=0.3))
    generator = np.random.default_rng(0)
    before = copies(model)
    gradients = {
        name: generator.normal(size=(7, *value.shape)) * 10 ** generator.uniform(-7, 0, value.shape)
        for name, value in before.items()
    }

    for step in range(7):
        set_rates(optimizer, 100.0)  # times 5e-5
        for name, parameter in model.named_parameters():
            parameter.grad = torch.from_numpy(gradients[name][step])
        optimizer.step()

    for name, parameter in model.named_parameters():
        decay = 0.3 if decays(name) else 0.0
        formula = (before[name].numpy(), gradients[name], 5e-3, decay, kind == "google")
        found = parameter.detach().numpy()
        assert found == pytest.approx(plain_steps(*formula), rel=1e-9, abs=1e-12), name


def test_without_bias_correction_the_first_step_is_three_times_as_long(model):
    standard, google = (make_optimizer(model, asked(optimizer=k)) for k in ("standard", "google"))
    lengths = []
    for optimizer in (standard, google):
        before = copies(model)
        give_gradients(model, 1.0)
        set_rates(optimizer, 1.0)
        optimizer.param_groups[1]["weight_decay"] = 0.0
        optimizer.step()
        bias = "classifier.bias"
        lengths.append((before[bias] - model.classifier.bias.detach()).mean().item())

    assert lengths == pytest.approx([5e-5, 5e-5 * 0.1 / math.sqrt(0.001)], rel=1e-3)


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


@every_kind
def test_every_parameter_is_in_one_group_also_while_it_is_frozen(kind, model):
    model.bert.embeddings.requires_grad_(False)  # frozen, for now

    optimizer = make_optimizer(model, asked(optimizer=kind, head_learning_rate=0.1))

    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(held) == len(list(model.parameters()))
    assert {id(parameter) for parameter in held} == {id(p) for p in model.parameters()}


@every_kind
def test_decay_pulls_weights_towards_zero_and_nothing_else(kind, model, randomized):
    randomized(model)
    before = copies(model)
    give_gradients(model, 0.0)
    optimizer = make_optimizer(model, asked(learning_rate=0.1, weight_decay=0.5, optimizer=kind))

    set_rates(optimizer, 1.0)
    optimizer.step()

    for name, parameter in model.named_parameters():
        factor = 1 - 0.1 * 0.5 if decays(name) else 1
        torch.testing.assert_close(parameter.detach(), factor * before[name], msg=name)


def rates_taken(model, factor=1.0, **changes):
    """How far each parameter goes in one step; Adam's first is the rate itself, at gradient 1."""
    before = copies(model)
    optimizer = make_optimizer(model, asked(weight_decay=0.0, learning_rate=0.25, **changes))
    give_gradients(model, 1.0)
    set_rates(optimizer, factor)
    optimizer.step()
    moved = {name: before[name] - parameter for name, parameter in model.named_parameters()}
    for name, way in moved.items():
        torch.testing.assert_close(way, torch.full_like(way, way.mean().item()), msg=name)
    return {name: way.mean().item() for name, way in moved.items()}


def test_one_rate_for_all(model):
    assert {round(rate, 4) for rate in rates_taken(model, 0.5).values()} == {0.125}


def test_the_head_has_a_rate_of_its_own_that_follows_the_same_schedule(model):
    rates = rates_taken(model, 0.5, head_learning_rate=0.5)

    for name, rate in rates.items():
        head = name.startswith("classifier.")
        assert rate == pytest.approx(0.25 if head else 0.125, rel=1e-4), name


def test_the_rate_falls_by_the_factor_from_layer_to_layer(model):
    """Two layers: the pooler and the head learn at full rate, the embeddings at its third power."""
    rates = rates_taken(model, layer_decay=0.5, head_learning_rate=0.75)

    expected = {
        "bert.embeddings": 0.25 / 8,
        "bert.encoder.layers.0": 0.25 / 4,
        "bert.encoder.layers.1": 0.25 / 2,
        "bert.pooler": 0.25,
        "classifier": 0.75,
    }
    for name, rate in rates.items():
        (wanted,) = (rate for part, rate in expected.items() if name.startswith(part + "."))
        assert rate == pytest.approx(wanted, rel=1e-4), name


@every_kind
def test_a_parameter_without_gradient_gets_no_decay_and_no_state(kind, model):
    optimizer = make_optimizer(model, asked(optimizer=kind, learning_rate=0.1, weight_decay=0.5))
    before = copies(model)
    give_gradients(model, 1.0)
    frozen = model.bert.embeddings.token.weight
    frozen.grad = None

    set_rates(optimizer, 1.0)
    optimizer.step()

    assert torch.equal(frozen, before["bert.embeddings.token.weight"])
    assert not optimizer.state[frozen]
    assert not torch.equal(model.classifier.weight, before["classifier.weight"])


@every_kind
def test_the_state_can_be_saved_and_loaded(kind, model):
    """Bit for bit the same parameters as without a break."""
    asked_for = asked(optimizer=kind, learning_rate=0.1, layer_decay=0.9)
    first = make_optimizer(model, asked_for)
    give_gradients(model, 0.5)
    set_rates(first, 1.0)
    first.step()
    kept, weights = first.state_dict(), copies(model)
    kept = {
        **kept,
        "state": {n: {k: v.clone() for k, v in s.items()} for n, s in kept["state"].items()},
    }
    first.step()
    unbroken = copies(model)

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    second = make_optimizer(model, asked_for)
    second.load_state_dict(kept)
    second.step()

    assert all(torch.equal(value, unbroken[name]) for name, value in copies(model).items())


@pytest.mark.parametrize(("gradient", "step"), [([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("denominator", [1.0, 4.0])
def test_a_long_gradient_is_shortened_and_a_short_one_is_not(
    precision, denominator, gradient, step
):
    """After the division by the denominator, and by float16's scale."""
    scaler = Precision(precision, "", torch.device("cpu")).scaler()
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    total = denominator * (model.weight * torch.tensor([gradient])).sum()
    scaler.scale(total).backward()

    norm = clip(model, optimizer, scaler, torch.tensor(denominator), most=1.0)
    scaler.step(optimizer)

    assert norm.item() == pytest.approx(math.hypot(*gradient))
    assert (-model.weight.detach()[0]).tolist() == pytest.approx(step, rel=1e-5)


def test_all_tensors_are_shortened_together_so_that_the_direction_stays():
    model = nn.Linear(1, 1)
    (3 * model.weight + 4 * model.bias).sum().backward()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = Precision("float32", "", torch.device("cpu")).scaler()

    norm = clip(model, optimizer, scaler, torch.tensor(1.0), most=1.0)

    assert norm.item() == pytest.approx(5.0)
    assert [p.grad.item() for p in model.parameters()] == pytest.approx([0.6, 0.8])


def test_with_0_no_gradient_is_shortened():
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    (model.weight * torch.tensor([[30.0, 40.0]])).sum().backward()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = Precision("float32", "", torch.device("cpu")).scaler()

    norm = clip(model, optimizer, scaler, torch.tensor(10.0), most=0.0)
    optimizer.step()

    assert norm.item() == pytest.approx(5.0)
    assert (-model.weight.detach()[0]).tolist() == pytest.approx([3.0, 4.0])
