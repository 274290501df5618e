"""Random numbers go on where they stood, through files, bit for bit."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from minibert.errors import RunError
from minibert.training.checkpoints import read_checkpoint, write_checkpoint
from minibert.training.random_state import RandomState, random_state, restore_random_state


@pytest.fixture(autouse=True)
def as_before():
    """The generators are everyone's."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def draw():
    """From each generator: whole numbers, floats, and normal numbers, which come in pairs."""
    return [
        random.random(),
        random.gauss(0, 1),
        random.sample(range(100), 5),
        np.random.rand(),
        np.random.standard_normal(),
        np.random.permutation(20).tolist(),
        torch.rand(3).tolist(),
        torch.randn(1).item(),
        torch.randperm(20).tolist(),
        torch.nn.functional.dropout(torch.ones(50), 0.5).tolist(),
    ]


def through_files(saved, folder):
    path = write_checkpoint(folder / "checkpoints", 1, {"random": saved.tensors}, saved.state, 1)
    found = read_checkpoint(path)
    return RandomState(found.part("random"), found.state)


@pytest.mark.parametrize("drawn", [0, 1, 2, 700])  # 1: half of a pair is out; 700: the key is new
def test_every_generator_goes_on_where_it_stood(tmp_path, drawn):
    seed(1)
    for _ in range(drawn):
        draw()
    saved = through_files(random_state(), tmp_path)
    wanted = [draw() for _ in range(3)]
    seed(2)
    assert [draw() for _ in range(3)] != wanted

    assert restore_random_state(saved) == []

    assert [draw() for _ in range(3)] == wanted


def test_half_of_a_pair_is_not_forgotten(tmp_path):
    seed(1)
    random.gauss(0, 1), np.random.standard_normal(), torch.randn(1)
    saved = through_files(random_state(), tmp_path)
    wanted = random.gauss(0, 1), np.random.standard_normal(), torch.randn(1).item()
    seed(1)

    restore_random_state(saved)

    assert (random.gauss(0, 1), np.random.standard_normal(), torch.randn(1).item()) == wanted


def test_another_process_draws_the_same(tmp_path):
    seed(3)
    saved = random_state()
    write_checkpoint(tmp_path / "checkpoints", 7, {"random": saved.tensors}, saved.state, 1)
    wanted = [random.random(), np.random.rand(), torch.rand(1).item()]
    program = """
import pathlib, random, sys, numpy, torch
from minibert.training.checkpoints import newest_valid
from minibert.training.random_state import RandomState, restore_random_state
found = newest_valid(pathlib.Path(sys.argv[1])).checkpoint
restore_random_state(RandomState(found.part("random"), found.state))
print([random.random(), float(numpy.random.rand()), torch.rand(1).item()])
"""
    command = [sys.executable, "-c", program, tmp_path / "checkpoints"]

    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout) == wanted


def test_looking_changes_nothing():
    seed(4)
    random_state()
    first = draw()
    seed(4)

    assert draw() == first


def test_a_gpu_that_is_not_here_is_named(monkeypatch):
    saved = random_state()
    saved.tensors.update({"cuda.0": torch.zeros(16, dtype=torch.uint8), "cuda.1": torch.zeros(16)})
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    assert restore_random_state(saved) == ["cuda.0", "cuda.1"]


def test_each_gpu_gets_its_own_state(monkeypatch):
    """Without a GPU: that each state is asked for, and given back to the one it came from."""
    states = [torch.full((16,), number, dtype=torch.uint8) for number in (7, 8)]
    given = {}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: given.update({device: state})
    )

    assert restore_random_state(random_state()) == []

    assert given == {0: states[0], 1: states[1]}


@pytest.mark.gpu
def test_the_gpus_draw_on():
    torch.cuda.manual_seed_all(1)
    torch.rand(5, device="cuda")
    saved = random_state()
    wanted = torch.rand(1000, device="cuda")
    torch.cuda.manual_seed_all(2)

    assert restore_random_state(saved) == []

    assert torch.equal(torch.rand(1000, device="cuda"), wanted)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved.state.pop("python"),
        lambda saved: saved.state.pop("numpy"),
        lambda saved: saved.tensors.pop("torch"),
        lambda saved: saved.state.update(python=None),
        lambda saved: saved.state.update(python=[3, [1, 2], None]),
        lambda saved: saved.state.update(python=[3, [-1] * 625, None]),
        lambda saved: saved.state.update(python=[3, ["x"] * 625, None]),
        lambda saved: saved.state.update(numpy=["PCG64", [1], 0, 0, 0.0]),
        lambda saved: saved.state.update(numpy=["MT19937", [2**40] * 624, 0, 0, 0.0]),
        lambda saved: saved.state.update(numpy=["MT19937", [[{}]], 0, 0, 0.0]),
        lambda saved: saved.state.update(numpy=7),
        lambda saved: saved.tensors.update(torch=torch.zeros(3, dtype=torch.uint8)),
        lambda saved: saved.tensors.update(torch=torch.zeros(5056)),
        lambda saved: saved.tensors.update({"weight": torch.zeros(3)}),
    ],
)
def test_what_is_no_state_is_refused(spoil):
    saved = random_state()
    spoil(saved)

    with pytest.raises(RunError, match="the saved random state is none"):
        restore_random_state(saved)
