"""Losses and gradients that are no numbers: named, kept to look at, and left out where asked."""

import math

import pytest
import torch
from tiny_runs import Training, json_of, save_tiny_model, small_data, tiny_settings

from minibert.errors import RunError
from minibert.training import loop
from minibert.training.batches import batches_of
from minibert.training.faults import first_fault
from minibert.training.finetune import fine_tune
from minibert.training.learner import Learnt
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates

BAD_STEP = 2


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def training(source, tmp_path):
    """A function that makes a training which has not begun."""

    def make(**changes):
        return Training(source, tmp_path / "run", **{"epochs": 1, "dropout": 0.0, **changes})

    return make


def weights(training):
    return {name: value.detach().clone() for name, value in training.model.named_parameters()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def spoil(training, poison=math.nan, step=BAD_STEP):
    """Let the output of one step be `poison`; returns the weights before each step."""
    seen = []

    def head(module, inputs, logits):
        if module.training:
            seen.append(weights(training))
            return logits * poison if len(seen) == step else None
        return None

    training.model.classifier.register_forward_hook(head)
    return seen


def bad_rows(training, step=BAD_STEP):
    return batches_of(training.train_set.lengths, training.settings, 1)[step - 1]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_names_what_is_to_be_known(training, poison):
    run = training(name="sts-b")
    spoil(run, poison)

    with pytest.raises(RunError) as error:
        run.run()

    rows, file = bad_rows(run), run.folder / "bad_batch_2.json"
    assert str(error.value) == (
        f"step 2: loss {json_of(file)['loss']}, norm of the gradient nan, first seen in "
        "bert.embeddings.token.weight (its gradient). Examples "
        f"{', '.join(map(str, rows))} are kept in {file}. Lower --lr, look at them, or leave them "
        "out: --skip-bad-batches"
    )
    assert [row["loss"] is None for row in run.log()] == [False, True]
    assert not (run.folder / "model").exists()


def test_the_batch_is_kept(training):
    run = training(name="mrpc")
    spoil(run)
    with pytest.raises(RunError):
        run.run()

    kept, batch = json_of(run.folder / "bad_batch_2.json"), run.train_set.packed(bad_rows(run))
    assert (kept["step"], kept["examples"]) == (2, bad_rows(run))
    assert (kept["loss"], kept["gradient_norm"]) == ("nan", "nan")
    assert kept["first_parameter"] == "bert.embeddings.token.weight (its gradient)"
    assert kept["labels"] == batch.labels.tolist()
    for name in ("input_ids", "token_type_ids", "cu_seqlens"):
        assert kept[name] == batch.inputs[name].tolist(), name
    assert kept["max_seqlen"] == batch.inputs["max_seqlen"]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_one_gradient_alone_may_be_at_fault(training, poison):
    run = training()
    key = run.model.bert.encoder.layers[1].attention.key.weight
    key.register_hook(lambda gradient: torch.full_like(gradient, poison))

    with pytest.raises(
        RunError, match=rf"step 1: loss 0\.\d+, norm of the gradient {poison}"
    ) as error:
        run.run()

    assert "first seen in bert.encoder.layers.1.attention.key.weight (its gr" in str(error.value)
    others = (p for p in run.model.parameters() if p is not key)
    assert all(parameter.grad.isfinite().all() for parameter in others)


class TestFirstFault:
    def test_values_before_gradients_and_both_in_the_models_order(self, training):
        model = training().model
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        assert first_fault(model) == "none: the loss alone"

        model.classifier.bias.grad[0] = math.nan
        model.bert.encoder.layers[1].attention.key.weight.grad[2, 5] = -math.inf
        key = "bert.encoder.layers.1.attention.key.weight"
        assert first_fault(model) == f"{key} (its gradient)"

        with torch.no_grad():
            model.classifier.weight[0] = math.nan
            model.bert.pooler.dense.bias[3] = math.inf
        assert first_fault(model) == "bert.pooler.dense.bias (its value)"

    def test_frozen_parameters_have_no_gradient(self, training):
        assert first_fault(training().model) == "none: the loss alone"


class TestSkipping:
    @pytest.mark.parametrize("optimizer", ["standard", "google"])
    def test_the_run_goes_on_and_the_bad_step_leaves_no_trace(self, training, capsys, optimizer):
        run = training(skip_bad_batches=True, warmup=0.0, optimizer=optimizer)
        before = spoil(run)

        outcome = run.run()

        first, second, third = before
        assert not same(first, second)
        assert same(second, third)  # the second step did nothing
        assert not same(third, weights(run))
        assert all(value.isfinite().all() for value in weights(run).values())
        assert outcome.steps == 3
        assert [row.get("loss", 0.0) is None for row in run.log()] == [False, True, False, False]
        rows, file = bad_rows(run), run.folder / "bad_batch_2.json"
        assert json_of(file)["examples"] == rows
        said = capsys.readouterr().out
        assert "skipped  step 2: loss nan" in said
        assert f"Examples {', '.join(map(str, rows))} are kept in {file}\n" in said
        assert "training loss nan" not in said  # the mean of those that were learnt from

    def test_the_optimizers_memory_is_untouched(self, training):
        """Else momentum would be NaN for good, or the next step counted as the third."""
        run = training(skip_bad_batches=True)
        learner, batch = run.start(), run.train_set.packed([0, 1, 2])
        set_rates(learner.optimizer, 1.0)
        run.model.train()
        assert learn(learner, [batch]).stepped
        before = learner.optimizer.state_dict()["state"]
        before = {n: {k: v.clone() for k, v in slot.items()} for n, slot in before.items()}
        run.model.classifier.register_forward_hook(lambda *seen: seen[-1] * math.nan)

        assert not learn(learner, [batch]).stepped

        after = learner.optimizer.state_dict()["state"]
        assert before.keys() == after.keys()
        assert all(same(before[number], after[number]) for number in before)

    def test_a_run_without_a_single_good_batch_is_no_result(self, source, tmp_path, monkeypatch):
        monkeypatch.setattr(loop, "learn", lambda *_: Learnt(math.nan, math.nan, False))
        data = small_data(tmp_path / "SST-2")
        settings = tiny_settings(source, data, tmp_path / "run", skip_bad_batches=True)

        with pytest.raises(RunError, match="nothing was learnt"):
            fine_tune(settings)


class TestFloat16:
    """Its gradients are scaled up, and sometimes too far: the scaler sees to that."""

    def test_an_infinite_gradient_is_no_fault_but_lowers_the_scale(self, training):
        run = training(precision="float16", warmup=0.0)
        before, overflows = spoil(run, 1.0), []

        def overflow(gradient):
            overflows.append(len(before))
            return gradient * (math.inf if len(before) == BAD_STEP else 1.0)

        run.model.bert.embeddings.token.weight.register_hook(overflow)

        run.run()

        first, second, third = before
        assert overflows == [1, 2, 3]
        assert not same(first, second)
        assert same(second, third)
        assert not same(third, weights(run))
        assert run.learner.scaler.get_scale() == run.precision.scaler().get_scale() / 2
        assert [row["gradient_norm"] for row in run.log() if "rate" in row][1] is None
        assert not list(run.folder.glob("bad_batch_*"))

    def test_a_loss_that_is_no_number_still_is_one(self, training):
        run = training(precision="float16")
        spoil(run)

        with pytest.raises(RunError, match="step 2: loss nan"):
            run.run()

    def test_skipped_it_leaves_no_trace(self, training):
        run = training(precision="float16", skip_bad_batches=True, warmup=0.0)
        before = spoil(run)

        run.run()

        assert same(*before[1:])
        assert not same(before[2], weights(run))
        assert all(value.isfinite().all() for value in weights(run).values())
        assert [path.name for path in run.folder.glob("bad_batch_*")] == ["bad_batch_2.json"]
