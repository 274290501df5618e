"""What is installed on this machine, and what training will use of it."""

import shutil
from importlib.util import find_spec

import torch

from minibert.checkpoint.checksum import how_computed
from minibert.checkpoint.sources import MINILM_COMMAND, MINILM_PACKAGE
from minibert.kernels.availability import why_not
from minibert.model.attention import choose
from minibert.training.precision import DTYPES, choose_device, choose_precision
from minibert.training.run import environment


def doctor() -> str:
    """Versions, device, precision, attention and weights, a line each, ready to be printed."""
    device = choose_device("auto")
    precision = choose_precision("auto", device)
    heads = DTYPES[precision.name], 64  # BERT-base's, and those of all of Google's sizes
    training, inference = (choose("auto", device, mode, *heads) for mode in (True, False))
    hindrance = why_not(device, *heads)
    minilm = "installed" if find_spec(MINILM_PACKAGE) else f"missing: {MINILM_COMMAND}"
    facts = {name: value for name, value in environment().items() if value is not None}
    facts |= {
        "device": device,
        "precision": f"{precision.name} ({precision.reason})",
        "attention in training": f"{training.way} ({training.reason})",
        "attention in inference": f"{inference.way} ({inference.reason})",
        "fused attention": f"cannot run: {hindrance}" if hindrance else "can run",
        "minilm weights": minilm,
        "TensorFlow checksums": how_computed(),
        "free disk": f"{shutil.disk_usage('.').free // 10**9} GB",
        "tensor check": _tensor_check(device),
    }
    return "\n".join(f"{name:24}{value}" for name, value in facts.items())


def _tensor_check(device: torch.device) -> str:
    """One small product on the device: a broken driver shows here, not in the first epoch."""
    square = torch.eye(8, device=device)
    return "passed" if torch.equal(square @ square, square) else f"FAILED: wrong result on {device}"
