"""The two tries before a run: what they find, and what they leave behind."""

from itertools import pairwise

import pytest
import torch
from tiny_runs import (
    Training,
    json_lines,
    save_tiny_model,
    small_data,
    tiny_settings,
)

from minibert.training import rehearsal
from minibert.training.finetune import fine_tune
from minibert.training.learner import Learnt
from minibert.training.rehearsal import RangeTest, lr_range_test, overfit_batch
from minibert.training.run import RunDirectory


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def training(source, tmp_path):
    def make(**changes):
        return Training(source, tmp_path / "run", **changes)

    return make


def overfitted(training):
    return overfit_batch(
        training.model, training.task, training.train_set, training.settings, training.precision
    )


def swept(training):
    with RunDirectory(training.folder, {}) as run:
        return lr_range_test(
            training.model, training.task, training.train_set, training.settings,
            training.precision, run,
        )  # fmt: skip


class TestOverfitBatch:
    def test_a_batch_is_learnt_by_heart(self, training, capsys):
        run = training(dropout=0.5, weight_decay=0.5, label_smoothing=0.3)

        assert overfitted(run)

        *_, last = capsys.readouterr().out.splitlines()
        assert last.startswith("learnt by heart: loss 0.00")
        batch = run.train_set.packed(run_rows(run))
        shares = run.model.eval()(**batch.inputs).logits.softmax(-1)
        assert (shares.gather(1, batch.labels[:, None]) > 0.95).all()

    def test_it_is_one_batch_and_no_other(self, training):
        run, taken = training(), []
        batch = run.train_set.packed
        run.train_set.packed = lambda rows: taken.append(rows) or batch(rows)
        overfitted(run)

        assert all(rows == run_rows(run) for rows in taken)

    @pytest.mark.parametrize("changes", [{"learning_rate": 0.0}, {"learning_rate": 1.0}], ids=str)
    def test_it_says_so_where_that_fails(self, training, capsys, changes):
        assert not overfitted(training(**changes))

        said = capsys.readouterr().out
        assert "NOT learnt by heart: loss " in said
        assert "after 200 steps" in said

    def test_the_command_leaves_no_run(self, source, tmp_path, capsys):
        data = small_data(tmp_path / "SST-2")

        fine_tune(tiny_settings(source, data, tmp_path / "run", overfit_batch=True))

        assert "learnt by heart" in capsys.readouterr().out
        assert not (tmp_path / "run").exists()


def run_rows(run):
    return rehearsal.batches_of(run.train_set.lengths, run.settings, 1)[0]


class TestRangeTest:
    def test_the_rate_rises_by_the_same_factor_in_every_step(self, training):
        run = training(learning_rate=1e-5, head_learning_rate=0.5)
        test = swept(run)

        for low, high in pairwise(test.rates):
            assert high / low == pytest.approx(10 ** (6 / 99))
        assert test.rates[0] == pytest.approx(1e-7)
        assert len(test.rates) == len(test.losses) == len(test.smooth)
        logged = [(row["rate"], row["loss"]) for row in run.log()]
        assert logged[: len(test.rates)] == list(zip(test.rates, test.losses, strict=True))

    def test_the_rates_are_taken(self, training, monkeypatch):
        """At rates near zero nothing moves; the last is high enough for the loss to jump about."""
        run = training(dropout=0.0)
        before = run.model.classifier.weight.detach().clone()
        monkeypatch.setattr(rehearsal, "RANGE", (1e-12, 1e-11))
        swept(run)
        torch.testing.assert_close(run.model.classifier.weight.detach(), before, atol=1e-8, rtol=0)

        monkeypatch.setattr(rehearsal, "RANGE", (1e-3, 1e-1))
        swept(run)
        assert (run.model.classifier.weight - before).abs().max() > 0.1

    def test_the_average_forgets_and_does_not_start_at_zero(self, training, monkeypatch):
        losses = iter([1.0, 2.0] + [4.0] * 98)
        monkeypatch.setattr(rehearsal, "learn", lambda *_: Learnt(next(losses), 1.0, True))

        smooth = swept(training()).smooth

        assert smooth[0] == pytest.approx(1.0)
        assert smooth[1] == pytest.approx((0.9 * 1 + 2) / 1.9)
        assert 3.9 < smooth[60] < 4.0  # just below four times the first: not yet hopeless

    @pytest.mark.parametrize("end", [100.0, float("nan"), float("inf")])
    def test_it_ends_where_the_loss_runs_away(self, training, monkeypatch, end):
        losses = iter([1.0] * 50 + [end] * 50)
        monkeypatch.setattr(rehearsal, "learn", lambda *_: Learnt(next(losses), 1.0, True))

        assert len(swept(training()).rates) == 50

    def test_the_suggestion_is_a_tenth_of_the_best_rate(self):
        test = RangeTest([1e-5, 1e-4, 1e-3, 1e-2], [1.0] * 4, [1.0, 0.6, 0.4, 3.0], None)

        assert rehearsal._suggest(test) == pytest.approx(1e-4)
        assert rehearsal._suggest(test._replace(smooth=[1.0, 1.1, 1.2, 1.3])) is None

    def test_the_command_leaves_a_picture_and_a_log(self, source, tmp_path, capsys):
        from matplotlib.image import imread

        data, run = small_data(tmp_path / "SST-2"), tmp_path / "run"

        fine_tune(tiny_settings(source, data, run, lr_range_test=True, seed=1))

        assert {path.name for path in run.iterdir()} == {
            "settings.json", "log.jsonl", "timing.jsonl", "lr_range.png",
        }  # fmt: skip
        picture = imread(run / "lr_range.png")[..., :3]
        assert (picture.max(-1) - picture.min(-1) > 0.2).sum() > 500, "no line"
        assert len(json_lines(run / "log.jsonl")) >= 50
        assert "lr_range.png" in capsys.readouterr().out

        fine_tune(tiny_settings(source, data, run, overwrite=True, epochs=1))
        assert not (run / "lr_range.png").exists()  # which was that try's
