"""Several processes train as one does: the same parameters, exact dev sets, one writer, no hang."""

import os
import socket
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from tiny_runs import MAX_LENGTH, json_lines, json_of, save_tiny_model, small_data, tiny_settings

from minibert.training.finetune import fine_tune
from minibert.training.processes import ALONE, Processes, joined

# What each process runs: nine epochs in float64 without dropout, of a task about sequences, tokens
# or spans.
SCRIPT = """
import sys
import torch
from pathlib import Path
sys.path[:0] = ["tests", "tests/training"]
from safetensors.torch import save_file
from test_another_task import EvenPieces, Pieces
from tiny_runs import features_of, tiny_tokenizer
from minibert import (
    BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification
)
from minibert.tasks.glue import task_named
from minibert.tasks.squad.reading import read_squad
from minibert.tasks.squad.task import SquadTask
from minibert.tasks.squad.windows import Windows
from minibert.training.evaluation import evaluate
from minibert.training.batches import batches_of, micro_batches
from minibert.training.learner import Learner
from minibert.training.loop import learn
from minibert.training.optimizer import set_rates
from minibert.training.precision import Precision
from minibert.training.processes import joined
from minibert.training.settings import Settings

kind, source, target = sys.argv[1:]
sizes = {"num_labels": 2}
if kind == "spans":
    model, task, sizes = BertForQuestionAnswering, SquadTask("2.0"), {}
    questions = read_squad(Path("data/squad/dev-v2.0.json"))
    train_set, dev_set = (
        Windows(some, tiny_tokenizer(), 64, 32) for some in (questions[:1], questions[1:3])
    )
elif kind == "tokens":
    model, task = BertForTokenClassification, EvenPieces()
    train_set, dev_set = Pieces(11), Pieces(7, "dev")
else:
    model, task = BertForSequenceClassification, task_named("mrpc")
    train_set = features_of("mrpc", 11, tiny_tokenizer())
    dev_set = features_of("mrpc", 7, tiny_tokenizer(), "dev")
settings = Settings(batch_size=5, accumulation_steps=2, learning_rate=1e-2, epochs=9)
precision = Precision("float32", "", torch.device("cpu"))
with joined() as processes:
    torch.manual_seed(0)
    net = model.from_pretrained(source, **sizes, dropout=0.0).double().train()
    learner = Learner.start(net, task, settings, precision, processes)
    set_rates(learner.optimizer, 1.0)
    losses, step = [], 0
    for epoch in range(1, 10):
        for rows in batches_of(train_set.lengths, settings, epoch):
            parts = micro_batches(rows, 2 * processes.count)
            losses.append(learn(learner, map(train_set.packed, processes.share(parts))).loss)
    found = evaluate(net, task, dev_set, precision, processes, batch_size=2)
    numbers = torch.tensor([*losses, found.loss, *found.metrics.values()], dtype=torch.float64)
    if processes.writes:
        save_file({**net.state_dict(), "numbers": numbers}, target)
"""


def start(rank, count, words, **options):
    """One of several processes, as torchrun would start it."""
    env = os.environ | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(options.pop("port"))}
    env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, **options)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def together(count, words, timeout=240):
    """The exit codes and what each process printed."""
    port = free_port()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [start(rank, count, words, port=port, **pipes) for rank in range(count)]
    said = [process.communicate(timeout=timeout)[0] for process in running]
    return [process.returncode for process in running], said


@pytest.fixture(scope="module")
def model(tmp_path_factory, randomized):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), randomize=randomized)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "SST-2", train=14, dev=7)


@pytest.mark.parametrize("kind", ["sequences", "tokens", "spans"])
def test_many_steps_of_three_processes_are_those_of_one(model, tmp_path, kind):
    """Batches of 5 and of 1, cut into 6 parts: shares are ragged, and some are empty."""
    results = []
    for count in (1, 3):
        target = tmp_path / f"{count}.safetensors"
        codes, said = together(count, ["-c", SCRIPT, kind, model, target])
        assert codes == [0] * count, said
        results.append(load_file(target))
    one, three = results
    one.pop("span.bias", None)  # shifts the scores of all places alike: its gradient is rounding
    for name, value in one.items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(three[name], value, atol=1e-10, rtol=0, msg=name)


def command(model, data, output, *more):
    line = f"""-m minibert finetune glue --task sst-2 --device cpu --precision float32 --epochs 3
        --max-length {MAX_LENGTH} --batch-size 4 --lr 0.01 --model {model} --data {data}
        --output {output}"""
    return [*line.split(), *more]


def test_a_run_of_two_processes_has_one_writer_and_an_exact_dev_set(model, data, tmp_path):
    codes, said = together(2, command(model, data, tmp_path / "two", "--dropout", "0"))
    assert codes == [0, 0], said
    assert "best: epoch" in said[0]
    assert "epoch 1" not in said[1]
    two = tmp_path / "two"
    one = fine_tune(tiny_settings(model, data, tmp_path / "one", epochs=3, dropout=0.0))

    assert json_of(two / "settings.json")["environment"]["processes"] == 2
    rows = [json_lines(run / "log.jsonl") for run in (one, two)]
    assert len(rows[0]) == len(rows[1]) == 3 * 4 + 3
    for alone, shared in zip(*rows, strict=True):
        assert shared["step"] == alone["step"]
        for name in ("loss", "dev_loss", "accuracy"):
            assert shared.get(name) == pytest.approx(alone.get(name), abs=1e-4)
    assert len((two / "predictions.tsv").read_text().splitlines()) == 1 + 7


def test_two_processes_stop_and_resume_to_the_same_bits(model, data, tmp_path):
    """Stopped by a checkpoint of its own: what was written after it is written again."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    options = ("--accumulation-steps", "2", "--batching", "bucket")
    for output, more in ((whole, ()), (run, ("--checkpoint-every", "5", "--epochs", "3"))):
        codes, said = together(2, command(model, data, output, *options, *more))
        assert codes == [0, 0], said
    # as if it had been killed after step 5, with the log and the model of later steps there
    killed = tmp_path / "killed"
    env_stop = "import os, signal, minibert.training.resume as r; save = r.save\n"
    script = env_stop + (
        "import minibert.training.loop as loop\n"
        "def stop(run, state, *rest):\n"
        "    save(run, state, *rest)\n"
        "    if state.step == 5: rest[0].processes.wait(); os._exit(9)\n"
        "loop.save = stop\n"
        "import sys; sys.argv = ['minibert', *sys.argv[1:]]\n"
        "from minibert.cli import main; main()\n"
    )
    words = command(model, data, killed, *options, "--checkpoint-every", "5")[2:]
    codes, said = together(2, ["-c", script, *words])
    assert codes == [9, 9], said
    codes, said = together(
        2, command(model, data, killed, *options, "--checkpoint-every", "5", "--resume", "auto")
    )
    assert codes == [0, 0], said
    assert "resumed from" in said[0]
    for name in ("model/model.safetensors", "log.jsonl", "predictions.tsv"):
        assert (
            (killed / name).read_bytes() == (run / name).read_bytes() == (whole / name).read_bytes()
        ), name


def test_with_another_number_of_processes_it_goes_on_and_says_so(
    model, data, tmp_path, monkeypatch, capsys
):
    output = tmp_path / "run"
    whole = fine_tune(tiny_settings(model, data, tmp_path / "whole", epochs=3, dropout=0.0))
    stopped = tiny_settings(model, data, output, epochs=3, dropout=0.0, checkpoint_every=5)
    from minibert.training import loop

    class Killed(Exception):
        pass

    real = loop.save

    def kill(run, state, *rest):
        real(run, state, *rest)
        raise Killed

    monkeypatch.setattr(loop, "save", kill)
    with pytest.raises(Killed):
        fine_tune(stopped)
    words = command(model, data, output, "--dropout", "0", "--resume", "auto")
    codes, said = together(2, words)

    assert codes == [0, 0], said
    assert "under another processes" in said[0] or "processes" in said[0]
    assert "2 processes, 1 before" in said[0]
    one, two = (load_file(run / "model" / "model.safetensors") for run in (whole, output))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-4, rtol=0, msg=name)


def test_a_process_that_dies_ends_the_others(model, tmp_path):
    script = (
        "import os, sys, torch\n"
        "from minibert.training.processes import joined\n"
        "with joined() as processes:\n"
        "    if processes.rank == 1: os._exit(7)\n"
        "    processes.add_up([torch.ones(1)])\n"
    )
    codes, said = together(2, ["-c", script], timeout=120)

    assert codes[1] == 7
    assert codes[0] not in (0, 7)
    assert "Connection" in said[0] or "peer" in said[0]


def test_alone_nothing_is_exchanged():
    tensors = [torch.ones(2), torch.zeros(())]
    with joined() as processes:
        assert processes is ALONE
    assert ALONE.add_up(tensors) is tensors
    assert ALONE.gather([1, 2]) == [1, 2]
    assert ALONE.any(True) is True
    assert ALONE.writes


@pytest.mark.parametrize(("count", "items"), [(1, 5), (2, 5), (3, 2), (4, 0)])
def test_shares_make_up_the_whole(count, items):
    shares = [Processes(rank, count).share(list(range(items))) for rank in range(count)]

    assert sorted(item for share in shares for item in share) == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
