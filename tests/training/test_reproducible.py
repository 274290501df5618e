"""The same seed twice, in two processes: the same weights, bit for bit, and the same log."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from tiny_runs import MAX_LENGTH, save_tiny_model, small_data, tiny_settings

from minibert.training.finetune import fine_tune

WEIGHTS = "model/model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "SST-2")


@pytest.fixture(scope="module")
def first(tmp_path_factory, model, data):
    """A run with seed 5 in a process of its own."""
    output = tmp_path_factory.mktemp("runs") / "first"
    command = f"""finetune glue --task sst-2 --device cpu --precision float32 --epochs 2
        --max-length {MAX_LENGTH} --batch-size 4 --lr 0.01 --seed 5
        --model {model} --data {data} --output {output}"""
    subprocess.run(
        [sys.executable, "-m", "minibert", *command.split()],
        cwd=ROOT,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        timeout=120,
    )
    return output


def test_the_same_seed_gives_the_same_bits_in_another_process(first, model, data, tmp_path):
    second = fine_tune(tiny_settings(model, data, tmp_path / "second", seed=5))

    for name in (WEIGHTS, "log.jsonl", "predictions.tsv"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_another_seed_gives_others(first, model, data, tmp_path):
    second = fine_tune(tiny_settings(model, data, tmp_path / "second", seed=6))

    for name in (WEIGHTS, "log.jsonl", "predictions.tsv"):
        assert (first / name).read_bytes() != (second / name).read_bytes(), name
