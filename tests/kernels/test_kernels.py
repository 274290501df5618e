"""Runs the checks of the fused kernels, each file in a process of its own.

Triton reads TRITON_INTERPRET when it is imported. A process can have its kernels interpreted or
compiled, not both, and other tests shall not come to have imported it in one way or the other.
"""

import json
import os
import subprocess
import sys

import pytest

CHECKS = ["checks_attention.py", "checks_model.py"]


def run(root, file, *options, **environment):
    """pytest on this file; fails with its output."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, root / "tests/kernels" / file],
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, f"{file} failed"
    assert " passed" in done.stdout


@pytest.mark.parametrize("file", CHECKS)
def test_in_the_interpreter(root, file):
    run(root, file, "-p", "no:xdist", TRITON_INTERPRET="1")


@pytest.mark.gpu
@pytest.mark.parametrize("file", CHECKS)
def test_on_the_gpu(root, file):
    """In several processes: nearly all of the time goes into compiling kernels."""
    run(root, file, "-n", str(min(8, os.cpu_count())), TRITON_INTERPRET="0")


@pytest.mark.slow
def test_the_benchmark_runs_and_writes_what_it_prints(root, tmp_path):
    """Tiny and interpreted: the figures mean nothing, but a GPU's time is too dear for a typo."""
    done = subprocess.run(
        [sys.executable, root / "benchmarks/attention_gpu.py", "--tiny", "--check", "--output",
         tmp_path / "result.json"],
        cwd=root,
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["wrong"] == []
    for rows in (result["errors"], result["rows"]):
        assert {row["way"] for row in rows} >= {"minibert fused", "formula"}
        assert all("failed" not in row for row in rows if row["way"] == "minibert fused")
