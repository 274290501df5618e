"""A run that was stopped, asked or killed, and resumed: the same bits as one that never stopped."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT
from tiny_runs import MAX_LENGTH, json_lines, json_of, save_tiny_model, small_data, tiny_settings

from minibert.errors import RunError
from minibert.training import loop
from minibert.training.finetune import fine_tune
from minibert.training.settings import NerSettings, SquadSettings
from minibert.training.signals import SAVED, Stopped

KEPT = ("model/model.safetensors", "log.jsonl", "predictions.tsv", "settings.json")
# Everything that has a state: dropout, accumulation, an optimizer, best model and patience.
OPTIONS = {
    "epochs": 3,
    "accumulation_steps": 2,
    "batching": "bucket",
    "evaluate_every": 2,
    "early_stopping": 50,
    "freeze": "embeddings",
    "unfreeze_at": 2,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "SST-2", train=14)


@pytest.fixture(scope="module")
def settings(model, data):
    def make(output, data=data, **changes):
        return tiny_settings(model, data, output, **{**OPTIONS, **changes})

    return make


@pytest.fixture(scope="module")
def whole(tmp_path_factory, settings):
    """A run that nothing stops: 12 steps of ragged batches."""
    run = fine_tune(settings(tmp_path_factory.mktemp("runs") / "whole"))
    assert len([row for row in json_lines(run / "log.jsonl") if "loss" in row]) == 12
    return run


@pytest.fixture
def stop_after(monkeypatch):
    """Let the signal come after so many steps, as the loop sees it."""

    class Request:
        def __init__(self, steps):
            self.left = steps

        def __call__(self):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        @property
        def requested(self):
            self.left -= 1
            return "SIGTERM" if self.left == 0 else None

    return lambda steps: monkeypatch.setattr(loop, "StopRequest", Request(steps))


def bits(run):
    kept = {name: (run / name).read_bytes() for name in KEPT if name != "settings.json"}
    metrics = json_of(run / "metrics.json")
    clocks = {"train_seconds", "train_examples_per_second", "tokens_per_second"}
    return kept | {name: metrics[name] for name in metrics.keys() - clocks}


@pytest.mark.parametrize("steps", [1, 4, 5, 11, 12])
def test_stopped_anywhere_and_resumed_is_the_same_to_the_bit(
    whole, settings, stop_after, tmp_path, steps
):
    """In an epoch, at its end (4), after the last step (12)."""
    stop_after(steps)
    with pytest.raises(Stopped, match=f"after step {steps} of 12"):
        fine_tune(settings(tmp_path / "run"))
    assert not (tmp_path / "run" / "metrics.json").exists()
    torch.manual_seed(12345)  # whatever the new process draws first

    stop_after(10**6)
    run = fine_tune(settings(tmp_path / "run", resume="auto"))

    assert bits(run) == bits(whole)
    assert not (run / "checkpoints").exists()


@pytest.mark.parametrize(
    ("kind", "more"),
    [(SquadSettings, {"version": "2.0", "data": ROOT / "data" / "squad"}),
     (NerSettings, {"data": ROOT / "data" / "ner"})],
)  # fmt: skip
def test_questions_and_tags_go_on_as_well(model, stop_after, tmp_path, kind, more):
    """To the same weights, steps and answers."""
    asked = {"model": str(model), "device": "cpu", "precision": "float32", "max_length": 64}
    asked |= {"epochs": 2, "batch_size": 4, "train_limit": 6, "accumulation_steps": 2, **more}
    whole = fine_tune(kind(**asked, output=tmp_path / "whole"))
    stop_after(3)
    with pytest.raises(Stopped, match="after step 3"):
        fine_tune(kind(**asked, output=tmp_path / "run"))
    stop_after(10**6)
    run = fine_tune(kind(**asked, output=tmp_path / "run", resume="auto"))

    answers = next(whole.glob("predictions.*")).name
    for name in ("model/model.safetensors", "log.jsonl", answers):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


def test_stopped_three_times(whole, settings, stop_after, tmp_path):
    for steps in (2, 3, 4):
        stop_after(steps)
        with pytest.raises(Stopped):
            fine_tune(settings(tmp_path / "run", resume="auto"))
    stop_after(10**6)

    assert bits(fine_tune(settings(tmp_path / "run", resume="auto"))) == bits(whole)


def test_regular_checkpoints_change_nothing_and_the_last_are_kept(
    whole, settings, stop_after, tmp_path
):
    stop_after(9)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run", checkpoint_every=3, keep_checkpoints=2))
    folders = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert folders == ["step-00000006", "step-00000009"]

    stop_after(10**6)
    older = tmp_path / "run" / "checkpoints" / "step-00000006"
    run = fine_tune(settings(tmp_path / "run", resume=str(older)))

    assert bits(run) == bits(whole)


def test_a_damaged_checkpoint_is_passed_over_and_said(
    whole, settings, stop_after, tmp_path, capsys
):
    stop_after(8)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run", checkpoint_every=4))
    newest = tmp_path / "run" / "checkpoints" / "step-00000008" / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])

    stop_after(10**6)
    run = fine_tune(settings(tmp_path / "run", resume="auto"))

    said = capsys.readouterr().out
    assert f"passed over  {newest}: " in said
    assert "step-00000004, step 4" in said
    assert bits(run) == bits(whole)


def test_without_a_checkpoint_auto_starts_afresh(whole, settings, tmp_path, capsys):
    run = fine_tune(settings(tmp_path / "run", resume="auto"))

    assert "from the beginning" in capsys.readouterr().out
    assert bits(run) == bits(whole)


def test_a_complete_run_is_left_alone(whole, settings, capsys):
    before = bits(whole)

    fine_tune(settings(whole, resume="auto"))

    assert "is complete" in capsys.readouterr().out
    assert bits(whole) == before


def test_of_several_seeds_the_rest_is_run(settings, stop_after, tmp_path, capsys):
    whole = fine_tune(settings(tmp_path / "whole", seeds=(3, 4)))
    stop_after(12 + 5)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run", seeds=(3, 4)))

    stop_after(10**6)
    run = fine_tune(settings(tmp_path / "run", seeds=(3, 4), resume="auto"))

    assert "seed-3 is complete" in capsys.readouterr().out
    for seed in ("seed-3", "seed-4"):
        assert bits(run / seed) == bits(whole / seed)
    assert json_of(run / "summary.json") == json_of(whole / "summary.json")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"learning_rate": 2e-2}, r"learning_rate was 0.01, is 0.02"),
        ({"seed": 7, "batching": "random"}, r"batching was bucket, is random, seed was 0, is 7"),
        ({"class_weights": (1.0, 2.0)}, r"class_weights was \[\], is \(1.0, 2.0\)"),
    ],
)
def test_other_settings_are_refused(settings, stop_after, tmp_path, change, complaint):
    stop_after(2)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run"))

    with pytest.raises(RunError, match=complaint):
        fine_tune(settings(tmp_path / "run", resume="auto", **change))


def test_other_training_data_is_refused(settings, stop_after, tmp_path):
    own = small_data(tmp_path / "SST-2", train=14)
    stop_after(2)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run", data=own))
    file = own / "train.tsv"
    lines = file.read_text().splitlines()
    flipped = lines[3][:-1] + ("0" if lines[3].endswith("1") else "1")
    file.write_text("\n".join([*lines[:3], flipped, *lines[4:]]) + "\n")

    with pytest.raises(RunError, match="the training data is not that of the run"):
        fine_tune(settings(tmp_path / "run", data=own, resume="auto"))


def test_another_environment_is_said(settings, stop_after, tmp_path, capsys, monkeypatch):
    stop_after(2)
    with pytest.raises(Stopped):
        fine_tune(settings(tmp_path / "run"))
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)

    stop_after(10**6)
    fine_tune(settings(tmp_path / "run", resume="auto"))

    assert "under another threads than before: equal up to rounding" in capsys.readouterr().out


def command(model, data, output, *more):
    line = f"""finetune glue --task sst-2 --device cpu --precision float32 --epochs 3
        --accumulation-steps 2 --batching bucket --evaluate-every 2 --early-stopping 50
        --freeze embeddings --unfreeze-at 2 --max-length {MAX_LENGTH} --batch-size 4 --lr 0.01
        --model {model} --data {data} --output {output}"""
    return [sys.executable, "-m", "minibert", *line.split(), *more]


def wait_for_step(output, step):
    log = output / "log.jsonl"
    for _ in range(6000):
        if log.is_file() and f'"step": {step},' in log.read_text():
            return
        time.sleep(0.01)
    raise AssertionError("the run did not start")


@pytest.mark.parametrize(
    "name",
    [
        "SIGTERM",
        pytest.param("SIGINT", marks=pytest.mark.slow),
        pytest.param("SIGUSR1", marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_within_a_step_and_exits_with_85(whole, model, data, tmp_path, name):
    output = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(
        command(model, data, output), cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        wait_for_step(output, 1)
        process.send_signal(getattr(signal, name))
        said, _ = process.communicate(timeout=120)
    if process.returncode != 0:  # else the run was quicker than the signal
        assert process.returncode == SAVED
        assert "all is saved" in said
        assert "--resume auto" in said
        resumed = command(model, data, output, "--resume", "auto")
        subprocess.run(resumed, cwd=ROOT, env=env, check=True, capture_output=True, timeout=120)

    assert bits(output) == bits(whole)


@pytest.mark.slow
@pytest.mark.parametrize("after", [2, 5, 7, 10])
def test_killed_outright_it_goes_on_from_the_last_checkpoint(whole, model, data, tmp_path, after):
    output = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(
        command(model, data, output, "--checkpoint-every", "1"),
        cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        wait_for_step(output, after)
        process.kill()
    resumed = command(model, data, output, "--checkpoint-every", "1", "--resume", "auto")
    subprocess.run(resumed, cwd=ROOT, env=env, check=True, capture_output=True, timeout=120)

    assert bits(output) == bits(whole)
