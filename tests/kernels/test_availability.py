"""Where the fused kernels can run, and what is said where they cannot."""

import ast
import subprocess
import sys
from typing import get_args

import pytest
import torch

from minibert import cli
from minibert.kernels import availability
from minibert.kernels.availability import why_not
from minibert.kernels.tiles import TABLE, tiles_for
from minibert.model import attention
from minibert.training.machine import doctor
from minibert.training.settings import Settings

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def compiled(monkeypatch):
    """As on a machine with Triton, and a GPU of this capability."""
    monkeypatch.setattr(availability, "_INSTALLED", True)
    monkeypatch.setattr(availability, "INTERPRETED", False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))


def test_on_a_gpu_they_run(compiled):
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        for width in (16, 32, 64, 128):
            assert why_not(CUDA, dtype, width) is None


@pytest.mark.parametrize(
    ("device", "dtype", "width", "reason"),
    [
        (CPU, torch.bfloat16, 64, "it needs a CUDA GPU, not cpu"),
        (torch.device("mps"), torch.bfloat16, 64, "it needs a CUDA GPU, not mps"),
        (CUDA, torch.float64, 64, "float16, bfloat16 or float32, not float64"),
        (CUDA, torch.bfloat16, 48, "heads are 16, 32, 64, 128 numbers wide, not 48"),
    ],
)
def test_where_they_do_not_they_say_why(compiled, device, dtype, width, reason):
    assert reason in why_not(device, dtype, width)


def test_an_old_gpu_is_named(compiled, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert "8.0 (Ampere) or later" in why_not(CUDA, torch.float16, 64)


def test_without_triton(compiled, monkeypatch):
    monkeypatch.setattr(availability, "_INSTALLED", False)
    assert "Triton is not installed" in why_not(CUDA, torch.float16, 64)


def test_the_interpreter_takes_no_bfloat16(compiled, monkeypatch):
    monkeypatch.setattr(availability, "INTERPRETED", True)
    assert why_not(CPU, torch.float64, 64) is None
    assert "does not multiply bfloat16 rightly" in why_not(CPU, torch.bfloat16, 64)


def test_the_doctor_reports_it(compiled):
    (line,) = [line for line in doctor().splitlines() if line.startswith("fused attention")]
    assert ("can run" in line) == torch.cuda.is_available()
    assert "cannot run: it needs a CUDA GPU" in line or torch.cuda.is_available()


def test_without_triton_everything_else_runs():
    """Nothing imports it before a kernel is used, and then the error names it."""
    script = """
import sys, torch
sys.modules["triton"] = None
from minibert import BertConfig, BertModel
from minibert.model import attention
from minibert.training.machine import doctor
from minibert.training.settings import Settings
import minibert.cli
model = BertModel(BertConfig.tiny()).eval()
print(model(torch.ones(1, 4, dtype=torch.long)).pooled_output.shape)
from minibert.kernels import keep_mask
try:
    from minibert.kernels import fused_attention
except ImportError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "torch.Size([1, 128])" in told.stdout
    assert "triton" in told.stdout


def test_tiles_are_as_the_kernels_want_them():
    for size, width in TABLE:
        for longest in (1, 2, 31, 32, 33, 64, 100, 513, 4096):
            for tile in tiles_for(size, width, longest):
                assert tile.queries in (32, 64, 128, 256)
                assert tile.keys % 32 == 0
                assert tile.keys & (tile.keys - 1) == 0
                assert max(tile.queries, tile.keys) < max(64, 2 * longest)
                assert tile.warps in (4, 8)
    assert tiles_for(8, 64, 4096) == TABLE[4, 64]
    assert tiles_for(2, 64, 4096) == TABLE[2, 64]


def test_every_list_of_ways_is_the_same():
    ways = ("auto", *attention.WAYS, "fused")
    assert get_args(cli.Attention) == ways
    assert get_args(Settings.__annotations__["attention"]) == ways


def faults_of(source):
    """What no test on the CPU can see: products as TF32, sums in an order that chance decides."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tl.dot":
            stated = {keyword.arg for keyword in node.keywords}
            if not stated >= {"input_precision", "out_dtype"}:
                yield f"line {node.lineno}: a product leaves its precision to Triton"
            if ast.unparse(node.args[0]).startswith("tl.trans"):
                yield f"line {node.lineno}: a transposed first factor: wrong on Hopper"
        if isinstance(node, ast.Attribute) and node.attr.startswith(("atomic", "autotune")):
            yield f"line {node.lineno}: {node.attr}"


def test_the_kernels_keep_to_what_only_a_gpu_would_punish(root):
    source = (root / "minibert/kernels/triton_attention.py").read_text(encoding="utf-8")
    assert not list(faults_of(source))
    assert source.count("tl.dot(") == 9
    bad = (
        "tl.dot(a, b)\ntl.dot(tl.trans(a), b, input_precision=p, out_dtype=w)\ntl.atomic_add(a, b)"
    )
    assert [fault[:6] for fault in faults_of(bad)] == ["line 1", "line 2", "line 3"]
