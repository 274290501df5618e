"""What the options of a run do to it: parameters, gradients, order, what is kept, when it ends."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import Training, features_of, save_tiny_model, tiny_tokenizer

from minibert.errors import ConfigError
from minibert.training import loop
from minibert.training.batches import batches_of, micro_batches
from minibert.training.evaluation import Evaluation, check_best_by
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates

BODY = ("bert.embeddings.", "bert.encoder.layers.0.", "bert.encoder.layers.1.", "bert.pooler.")


@pytest.fixture(scope="module")
def source(tmp_path_factory, randomized):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), randomize=randomized)


@pytest.fixture
def training(source, tmp_path):
    """A function that makes a training which has not begun; each in a folder of its own."""
    made = []

    def make(**changes):
        made.append(Training(source, tmp_path / f"run-{len(made)}", **changes))
        return made[-1]

    return make


def weights(training):
    return {name: value.detach().clone() for name, value in training.model.named_parameters()}


def differing(one, other):
    return {name for name in one if not torch.equal(one[name], other[name])}


class TestAccumulation:
    """Micro-batches of ragged length; dropout 0, since the masks of each are its own."""

    def gradient(self, training, parts, weighting=((), 0.0)):
        """The gradient that reaches the optimizer in a step on eight examples."""
        run = training(name="mrpc", dropout=0.0, clip_norm=0.0)
        features = features_of("mrpc", 8, tiny_tokenizer())
        assert len(set(features.lengths)) > 3
        run.task = run.task.weighted(*weighting, features.labels)
        model, learner, seen = run.model.double().train(), run.start(), []
        learner.optimizer.register_step_pre_hook(
            lambda *_: seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        )
        set_rates(learner.optimizer, 1.0)
        learnt = learn(learner, map(features.packed, parts))
        assert learnt.gradient_norm == pytest.approx(seen[0].norm().item())
        assert learnt.stepped
        return seen[0], learnt.loss

    @pytest.mark.parametrize("weights", [(), (0.3, 2.0), "balanced"], ids=str)
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_one_by_eight_two_by_four_and_so_on_are_the_same(self, training, weights, smoothing):
        weighting = (weights, smoothing)
        rows = list(range(8))
        whole, loss = self.gradient(training, [rows], weighting)

        assert whole.abs().max() > 1e-3
        for parts in (2, 3, 4, 8):
            other, its_loss = self.gradient(training, micro_batches(rows, parts), weighting)
            torch.testing.assert_close(other, whole, atol=1e-12, rtol=0)
            assert its_loss == pytest.approx(loss, rel=1e-6)

    def test_the_gradient_is_that_of_the_weighted_mean(self, training):
        """By torch's own loss, so that denominators are not merely consistent but right."""
        found, loss = self.gradient(training, [[0, 1, 2], [3, 4, 5, 6, 7]], ((0.3, 2.0), 0.0))

        run = training(name="mrpc", dropout=0.0)
        model, batch = run.model.double().train(), run.train_set.packed(range(8))
        by_class = torch.tensor([0.3, 2.0], dtype=torch.float64)
        mean = torch.nn.functional.cross_entropy(
            model(**batch.inputs).logits, batch.labels, by_class
        )
        mean.backward()

        assert loss == pytest.approx(mean.item(), rel=1e-6)
        expected = torch.cat([p.grad.flatten() for p in model.parameters()])
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)

    def in_parts(self, training, steps, **changes):
        """A run, and how many examples each of its micro-batches held."""
        run, sizes = training(dropout=0.0, accumulation_steps=steps, **changes), []
        batch = run.train_set.packed
        run.train_set.packed = lambda rows: sizes.append(len(rows)) or batch(rows)
        if run.precision.name == "float32":
            run.model.double()
        run.run()
        return run, sizes

    def test_a_run_in_parts_ends_with_the_same_weights(self, training):
        (whole, at_once), (cut, one_by_one) = (self.in_parts(training, n) for n in (1, 4))

        assert (at_once, one_by_one) == ([4, 4, 2] * 3, [1] * 30)
        assert [row["step"] for row in cut.log()] == [row["step"] for row in whole.log()]
        for name, value in weights(whole).items():
            torch.testing.assert_close(weights(cut)[name], value, atol=1e-9, rtol=0, msg=name)

    def test_in_float16_too_to_its_precision(self, training):
        whole, cut = (self.in_parts(training, n, precision="float16")[0] for n in (1, 4))

        for ours, theirs in zip(cut.log(), whole.log(), strict=True):
            if "loss" in ours:
                assert ours["loss"] == pytest.approx(theirs["loss"], abs=2e-3)
                assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=0.02)

    def test_a_step_with_nothing_that_counts_changes_nothing_but_by_decay(self, training):
        run = training(weight_decay=0.0)
        before = weights(run)
        weighting = run.task.weighting._replace(class_weights=(0.0, 0.0))
        run.task = replace(run.task, weighting=weighting)
        learner = run.start()
        set_rates(learner.optimizer, 1.0)
        run.model.train()

        assert learn(learner, [run.train_set.packed([0, 1])]) == (0.0, 0.0, True)
        assert not differing(before, weights(run))


class TestFreezing:
    @pytest.mark.parametrize("kind", ["standard", "google"])
    @pytest.mark.parametrize(("wanted", "parts"), [("embeddings", 1), (1, 2), ("body", 4)])
    def test_what_is_frozen_is_the_same_to_the_bit_after_a_run(self, training, kind, wanted, parts):
        run = training(freeze=wanted, weight_decay=0.5, optimizer=kind)
        before = weights(run)
        run.run()

        changed = differing(before, weights(run))
        unseen = {name for name in before if name.endswith("key.bias")}  # softmax cannot see it
        frozen = {name for name in before if name.startswith(BODY[:parts])}
        assert not changed & frozen
        assert changed | unseen >= before.keys() - frozen
        for name, parameter in run.model.named_parameters():
            assert bool(run.learner.optimizer.state[parameter]) == (name not in frozen), name

    def test_at_an_epoch_all_is_unfrozen(self, training, monkeypatch):
        run = training(freeze="body", unfreeze_at=2, epochs=3)
        seen = [weights(run)]
        monkeypatch.setattr(
            loop,
            "evaluate",
            lambda *_: seen.append(weights(run)) or Evaluation(None, 1.0, {"accuracy": 0.0}),
        )
        run.run()

        first, second, third = (differing(*pair) for pair in pairwise(seen))
        assert first == {"classifier.weight", "classifier.bias"}
        assert any(name.startswith(BODY[0]) for name in second & third)


class TestGradientCheckpointing:
    def step(self, training, on):
        """Gradients of one step with dropout, and the bytes kept for its backward pass."""
        run = training()
        run.model.train().bert.encoder.checkpointing = on
        batch, kept = run.train_set.packed(range(8)), {}
        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda value: kept.update({value.data_ptr(): value.nbytes}) or value,
            lambda value: value,
        ):
            run.task.loss(run.model(**batch.inputs), batch, True).total.backward()
        return {n: p.grad for n, p in run.model.named_parameters()}, sum(kept.values())

    def test_the_gradients_are_the_same_to_the_bit_with_less_kept(self, training):
        plain, much = self.step(training, False)
        saved, little = self.step(training, True)

        assert not differing(plain, saved)
        assert little < 0.7 * much

    def test_a_run_is_the_same_to_the_bit(self, training):
        plain, saved = training(), training()
        saved.model.bert.encoder.checkpointing = True
        for run in (plain, saved):
            torch.manual_seed(5)
            run.run()

        assert not differing(weights(plain), weights(saved))
        assert plain.log() == saved.log()


class TestEvaluation:
    def scores(self, monkeypatch, *found):
        found = [Evaluation(None, loss, {"accuracy": accuracy}) for loss, accuracy in found]
        monkeypatch.setattr(loop, "evaluate", lambda *_: found.pop(0))

    def test_every_so_many_steps_and_at_the_end_of_every_epoch_but_never_twice(self, training):
        run = training(evaluate_every=2, epochs=4)  # epochs end at 3, 6, 9, 12
        run.run()

        rows = [row for row in run.log() if "dev_loss" in row]
        assert [row["step"] for row in rows] == [2, 3, 4, 6, 8, 9, 10, 12]
        assert [row["epoch"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]

    def test_the_best_model_may_lie_within_an_epoch(self, training, monkeypatch):
        run = training(evaluate_every=2, epochs=2)
        kept = []
        found = iter([0.2, 0.3, 0.9, 0.4])

        def evaluate(model, *_):
            kept.append(weights(run))
            return Evaluation(None, 1.0, {"accuracy": next(found)})

        monkeypatch.setattr(loop, "evaluate", evaluate)
        outcome = run.run()

        assert (outcome.best_epoch, outcome.best_step, outcome.steps) == (2, 4, 6)
        saved = type(run.model).from_pretrained(run.folder / "model")
        assert not differing(kept[2], dict(saved.named_parameters()))

    def test_dropout_is_on_again_after_an_evaluation_within_an_epoch(self, training):
        run, modes = training(epochs=1, evaluate_every=1), []
        run.model.bert.register_forward_hook(lambda module, *_: modes.append(module.training))
        run.run()

        assert modes == [True, False] * 3

    @pytest.mark.parametrize(
        ("patience", "accuracies", "steps"),
        [
            (1, [0.5, 0.5], 6),
            (2, [0.5, 0.6, 0.6, 0.5], 12),
            (2, [0.5, 0.4, 0.6, 0.5, 0.5], 15),
            (3, [0.5, 0.4, 0.4, 0.6, 0.5, 0.5], 18),  # the end comes first
        ],
    )
    def test_it_stops_after_so_many_evaluations_without_a_better_one(
        self, training, monkeypatch, capsys, patience, accuracies, steps
    ):
        run = training(early_stopping=patience, epochs=6)
        self.scores(monkeypatch, *((1.0, value) for value in accuracies))

        outcome = run.run()

        assert outcome.steps == len(run.log()) - len(accuracies) == steps
        assert outcome.best_epoch == 1 + accuracies.index(max(accuracies))
        assert ("stopped early" in capsys.readouterr().out) == (steps < 18)

    def test_it_stops_within_an_epoch_too(self, training, monkeypatch):
        run = training(early_stopping=1, evaluate_every=1, epochs=5)
        self.scores(monkeypatch, (1.0, 0.5), (1.0, 0.4))

        assert run.run().steps == 2

    @pytest.mark.parametrize(
        ("best_by", "best_epoch"), [(None, 2), ("accuracy", 2), ("dev_loss", 3)]
    )
    def test_what_decides_which_model_is_best(self, training, monkeypatch, best_by, best_epoch):
        run = training(best_by=best_by, early_stopping=2, epochs=3)
        self.scores(monkeypatch, (0.5, 0.5), (0.6, 0.9), (0.4, 0.8))

        assert run.run().best_epoch == best_epoch

    def test_a_figure_that_no_evaluation_gives_is_refused(self, training):
        with pytest.raises(ConfigError, match="'f1' is unknown here; choose one of accuracy, dev"):
            check_best_by("f1", training().task)


class TestBatching:
    @pytest.mark.parametrize("batching", ["random", "bucket", "tokens"])
    def test_the_loop_takes_the_batches_of_each_epoch_in_their_order(self, training, batching):
        run = training(batching=batching, max_length=64, seed=3)
        taken, batch = [], run.train_set.packed
        run.train_set.packed = lambda rows: taken.append(rows) or batch(rows)
        outcome = run.run()

        epochs = [batches_of(run.train_set.lengths, run.settings, epoch) for epoch in (1, 2, 3)]
        assert taken == [rows for batches in epochs for rows in batches]
        assert outcome.steps == len(taken)
        assert outcome.examples == 30
        assert outcome.tokens == 3 * run.train_set.lengths.sum()
        rates = [row["rate"] for row in run.log() if "rate" in row]
        assert rates[-1] == pytest.approx(max(rates) / (len(taken) - 1), rel=0.2)  # almost at 0


def test_two_optimizers_and_three_schedules_give_six_runs(training):
    found = set()
    for optimizer in ("standard", "google"):
        for schedule in ("linear", "cosine", "constant"):
            run = training(optimizer=optimizer, schedule=schedule, warmup=0.3)
            torch.manual_seed(1)
            run.run()
            found.add(tuple(row["loss"] for row in run.log() if "loss" in row))

    assert len(found) == 6


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_dropout_is_set_everywhere_and_saved(training, p):
    run = training(dropout=p)
    run.run()

    probabilities = {module.p for module in run.model.modules() if hasattr(module, "p")}
    probabilities |= {m.dropout_p for m in run.model.modules() if hasattr(m, "dropout_p")}
    assert probabilities == {p}
    saved = type(run.model).from_pretrained(run.folder / "model").config
    assert (saved.hidden_dropout_prob, saved.attention_probs_dropout_prob) == (p, p)
    assert saved.classifier_dropout == p
    model, batch = run.model.train(), run.train_set.packed([0, 1])
    twice = [model(**batch.inputs).logits for _ in range(2)]
    assert torch.equal(*twice) == (p == 0)


def test_saved_weights_of_a_frozen_run_are_whole(training):
    run = training(freeze=1)
    run.run()

    saved = load_file(run.folder / "model" / "model.safetensors")
    assert len(saved) == len(weights(run))
