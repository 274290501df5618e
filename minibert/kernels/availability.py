"""Whether the fused kernels can run here; said without importing Triton, which may be absent."""

import os
from importlib.util import find_spec

import torch

WIDTHS = (16, 32, 64, 128)  # of a head
# Triton reads this variable once, when it is imported: kernels then run in Python, on any device,
# thousands of times slower. The tests do this where there is no GPU.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
_INSTALLED = find_spec("triton") is not None


def why_not(device: torch.device, dtype: torch.dtype, width: int) -> str | None:
    """Why the kernels cannot attend with heads of this width and dtype here; None: they can."""
    if not _INSTALLED:
        return "Triton is not installed (it comes with torch for CUDA)"
    if width not in WIDTHS:
        return f"its heads are {', '.join(map(str, WIDTHS))} numbers wide, not {width}"
    if INTERPRETED:
        if dtype in (torch.float16, torch.float32, torch.float64):
            return None
        return f"Triton's interpreter does not multiply {_name(dtype)} rightly"
    if device.type != "cuda":
        return f"it needs a CUDA GPU, not {device.type} (or TRITON_INTERPRET=1: slow, for tests)"
    if _is_old(device):
        return "it needs a GPU of compute capability 8.0 (Ampere) or later"
    if dtype not in (torch.float16, torch.bfloat16, torch.float32):
        return f"it computes in float16, bfloat16 or float32, not {_name(dtype)}"
    return None


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _is_old(device: torch.device) -> bool:
    """Whether this GPU is from before the first with tensor cores for bfloat16."""
    return torch.cuda.get_device_capability(device) < (8, 0)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
