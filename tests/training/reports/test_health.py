"""Warnings: each broken run raises the right one, and healthy runs raise none."""

import math

import numpy as np
import pytest
import torch
from tiny_runs import SIZES, json_lines, json_of, save_tiny_model, small_data, tiny_settings

from minibert import BertConfig, BertForSequenceClassification
from minibert.tasks.signs import class_signs, score_signs
from minibert.training import loop
from minibert.training.finetune import fine_tune
from minibert.training.reports import health

NAMES = ("no", "yes")
LABELS = np.array([0, 1] * 50)
RIGHT = np.eye(2)[LABELS] * 3


def a_log(losses=None, dev_losses=(0.4, 0.3), rate=5e-5, **first):
    """Rows of a run whose loss falls to a fifth, evaluated as often as there are dev losses."""
    losses = np.linspace(0.7, 0.15, 40) if losses is None else losses
    rows = []
    ends = np.linspace(0, len(losses), len(dev_losses) + 1).astype(int)[1:]
    for step, loss in enumerate(losses, 1):
        rows.append({"step": step, "epoch": 1, "loss": float(loss), "rate": rate})
        rows += [
            {"step": step, "epoch": 1, "dev_loss": dev, "accuracy": 0.5}
            for dev, end in zip(dev_losses, ends, strict=True)
            if end == step
        ]
    rows[0] |= first
    return rows


def warnings(log=None, names=NAMES, logits=RIGHT, labels=LABELS, **changes):
    facts = {"fresh_head": True, "cut_share": 0.1, "max_length": 128, **changes}
    signs = class_signs(names, logits, labels) if names else score_signs(logits[:, 0], labels)
    return health.find_warnings(a_log() if log is None else log, signs, **facts)


def the_warning(*arguments, **changes):
    (warning,) = warnings(*arguments, **changes)
    return warning


class TestHealthy:
    def test_a_good_run(self):
        assert warnings() == []

    def test_a_good_run_on_scores(self):
        labels = np.linspace(0, 5, 50)
        log = a_log(np.linspace(9, 0.4, 40), (0.8, 0.5))
        assert warnings(log, (), labels[:, None] + 0.3, labels) == []

    def test_an_imbalanced_task_on_which_accuracy_says_little(self):
        """Accuracy below the largest share, but both classes are found."""
        labels = np.array([0] * 90 + [1] * 10)
        guesses = np.array([0] * 78 + [1] * 12 + [1] * 9 + [0])
        assert warnings(logits=np.eye(2)[guesses], labels=labels) == []

    def test_training_on_from_a_head_that_knows_its_task(self):
        log = a_log(np.full(40, 0.05), (0.06,))
        assert warnings(log, fresh_head=False) == []

    def test_a_dev_loss_that_rises_a_little_at_the_end(self):
        assert warnings(a_log(dev_losses=(0.35, 0.4))) == []

    def test_a_layer_frozen_on_purpose(self):
        assert warnings(a_log(part_norms={"layer 1": 0.1, "head": 1.0})) == []


class TestLearningNothing:
    @pytest.mark.parametrize(
        ("rate", "cause"),
        [(0.1, "rate 0.1 destroys"), (1e-8, "rate 1e-08 is too low"), (5e-5, "Likely causes")],
    )
    def test_one_class_and_why(self, rate, cause):
        warning = the_warning(a_log(rate=rate), logits=np.tile([0.0, 1.0], (100, 1)))

        assert warning.startswith("every prediction is yes, as are 50% of the labels. ")
        assert cause in warning

    def test_guessing(self):
        guesses = np.array([0, 0, 1, 1] * 25)
        warning = the_warning(logits=np.eye(2)[guesses])
        assert warning.startswith("not to be told from guessing: the mean recall of the classes is")
        assert "accuracy 0.500, for always answering no 0.500. Likely" in warning

    @pytest.mark.parametrize("end", [0.69, 5.0])
    def test_a_loss_that_never_fell(self, end):
        losses = np.linspace(0.7, end, 40) + np.tile([0.05, -0.05], 20)
        warning = the_warning(a_log(losses))
        assert warning.startswith("the training loss never fell below what guessing costs: ")
        assert "0.693 for always answering alike. " in warning

    def test_a_loss_that_was_still_falling(self):
        assert "still falling. " in the_warning(a_log(np.linspace(3, 0.8, 40)), fresh_head=False)

    def test_several_symptoms_have_one_cause(self):
        warning = the_warning(a_log(np.full(40, 0.7)), logits=np.tile([0.0, 1.0], (100, 1)))
        assert "answering alike; every prediction is yes" in warning
        assert warning.count("Likely causes") == 1

    def test_scores_that_are_all_alike(self):
        labels = np.linspace(0, 5, 50)
        warning = the_warning(a_log(dev_losses=(2,)), (), np.full((50, 1), 2.5), labels)
        assert warning.startswith("every predicted score is about 2.50. ")

    def test_scores_without_meaning(self):
        labels = np.linspace(0, 5, 50)
        scores = np.random.default_rng(0).permutation(labels)[:, None]
        assert "nothing to do with the true ones" in the_warning(
            a_log(dev_losses=(2,)), (), scores, labels
        )


class TestLabels:
    def test_two_names_exchanged(self):
        warning = the_warning(logits=-RIGHT)
        assert "far below chance: the mean recall of the classes is 0.000, by chance 0.5" in warning
        assert "with yes means no, no means yes the accuracy would be 1.000" in warning

    def test_mnlis_orders_mixed_up(self):
        names = ("contradiction", "entailment", "neutral")
        labels = np.arange(300) % 3
        called = np.where(np.arange(300) < 15, labels, (labels + 1) % 3)  # 95 % shifted
        log = a_log(np.linspace(1.1, 0.3, 40))

        warning = the_warning(log, names, np.eye(3)[called], labels)

        assert "entailment means contradiction" in warning
        assert "the accuracy would be 0.950" in warning

    def test_scores_upside_down(self):
        labels = np.linspace(0, 5, 50)
        log = a_log(np.linspace(9, 0.4, 40), (0.5,))
        assert "upside down" in the_warning(log, (), 5 - labels[:, None], labels)

    def test_a_dev_set_of_one_class(self):
        ones = np.ones(20, dtype=int)
        log = a_log(np.linspace(0.7, 0.1, 40) * 0, (0.1,), loss=0.69)
        warning = the_warning(log, logits=np.eye(2)[ones], labels=ones)
        assert warning == "every label of the dev set is the same: it measures nothing"


class TestTheFirstLoss:
    @pytest.mark.parametrize(("classes", "loss"), [(2, 0.95), (2, 0.6), (3, 1.2), (150, 5.3)])
    def test_near_the_logarithm_of_the_classes(self, classes, loss):
        assert health.first_loss(loss, math.log(classes)) is None

    @pytest.mark.parametrize(
        ("classes", "loss", "cause"), [(2, 3.0, "far too large"), (3, 0.2, "can be read off")]
    )
    def test_far_from_it(self, classes, loss, cause):
        warning = health.first_loss(loss, math.log(classes))
        assert cause in warning
        assert f"ln({classes}) = {math.log(classes):.3f}" in warning

    def test_only_a_fresh_head_is_asked(self):
        assert warnings(a_log(loss=4.0), fresh_head=False) == []
        assert "first step is 4.000" in the_warning(a_log(loss=4.0))


class TestGradients:
    def test_parts_of_a_model(self):
        torch.manual_seed(0)
        model = BertForSequenceClassification(BertConfig(vocab_size=50, **SIZES))
        model(torch.arange(10).view(2, 5)).logits.sum().backward()
        norms = health.part_norms(model)

        whole = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
        assert list(norms) == ["embeddings", "layer 0", "layer 1", "pooler", "head"]
        assert sum(norm**2 for norm in norms.values()) == pytest.approx(float(whole) ** 2)
        assert norms["head"] == pytest.approx(
            float(
                torch.cat([model.classifier.weight.grad.ravel(), model.classifier.bias.grad]).norm()
            )
        )

    def test_a_part_that_is_cut_off_frozen_or_infinite(self):
        torch.manual_seed(0)
        model = BertForSequenceClassification(BertConfig(vocab_size=50, **SIZES))
        model.bert.encoder.layers[0].requires_grad_(False)
        model(torch.arange(10).view(2, 5)).logits.sum().backward()
        model.bert.embeddings.zero_grad()
        model.classifier.bias.grad.fill_(math.inf)

        norms = health.part_norms(model)

        assert norms["embeddings"] == 0
        assert "layer 0" not in norms
        assert norms["head"] is None

    def test_dead_parts_are_named(self):
        looks = [
            {"embeddings": 0.0, "layer 0": 0.0, "pooler": None, "head": norm} for norm in (0, 1)
        ]
        assert "no gradient arrives in embeddings, layer 0: " in health.dead_parts(looks)

    def test_a_frozen_head(self):
        assert "the head is frozen" in the_warning(a_log(part_norms={"layer 1": 0.1}))


def test_overfitting():
    log = a_log(np.linspace(0.7, 0.01, 40), (0.3, 0.35, 0.6))
    warning = the_warning(log)
    assert "dev loss is 0.600 (lowest 0.300, at step 13)" in warning
    assert warnings(a_log(np.linspace(0.7, 0.01, 40), (0.6, 0.45, 0.35))) == []


def test_truncation():
    assert the_warning(cut_share=0.93, max_length=16).startswith(
        "93% of the examples are longer than 16 word pieces and were cut"
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "SST-2", train=20, dev=30)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


class TestRuns:
    """What the loop records, and what a run says in the end."""

    def test_the_loop_records_the_parts_at_a_few_steps(self, model, data, tmp_path):
        run = fine_tune(tiny_settings(model, data, tmp_path / "run", epochs=3))

        steps = [row for row in json_lines(run / "log.jsonl") if "loss" in row]
        looks = {row["step"]: row["part_norms"] for row in steps if "part_norms" in row}
        assert looks.keys() == {1, 10}
        for row in steps:
            if row["step"] in looks:
                squares = sum(norm**2 for norm in looks[row["step"]].values())
                # clip has shortened what was longer than 1
                assert math.sqrt(squares) == pytest.approx(min(row["gradient_norm"], 1), rel=1e-4)

    def test_a_rate_far_too_high(self, model, data, tmp_path, capsys):
        settings = tiny_settings(model, data, tmp_path / "run", learning_rate=1.0, epochs=4)
        found = json_of(fine_tune(settings) / "metrics.json")["warnings"]

        assert any("The learning rate 1 destroys" in warning for warning in found)
        shown = capsys.readouterr().out
        assert all(f"warning: {warning}" in shown for warning in found)

    def test_cut_texts_and_a_frozen_head(self, model, data, tmp_path, monkeypatch):
        monkeypatch.setattr(
            loop, "freeze", lambda model, *_: model.classifier.requires_grad_(False)
        )
        run = fine_tune(tiny_settings(model, data, tmp_path / "run", max_length=5))

        found = " ".join(json_of(run / "metrics.json")["warnings"])
        assert "were cut" in found
        assert "head is frozen" in found
        assert "## Warnings\n\n- " in (run / "report.md").read_text(encoding="utf-8")
