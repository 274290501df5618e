"""On which device to compute, and in which numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minibert.errors import ConfigError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(wanted: str) -> torch.device:
    """The device of this name, or for "auto" the best. Raises `ConfigError` if it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return torch.device(next((name for name, is_there in there.items() if is_there), "cpu"))
    if not there.get(wanted, wanted == "cpu"):
        raise ConfigError(f"device {wanted!r} is not to be had here; choose auto or cpu")
    return torch.device(wanted)


@dataclass(frozen=True)
class Precision:
    """Numbers to compute in. Weights, gradients and the optimizer stay float32 in all of them."""

    name: str
    reason: str
    device: torch.device

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Inside, matrix products take and give the low precision; losses stay float32."""
        dtype = DTYPES[self.name]
        enabled = dtype != torch.float32
        with torch.autocast(self.device.type, dtype if enabled else None, enabled=enabled):
            yield

    def scaler(self) -> torch.amp.GradScaler:
        """Scales losses up so that float16's small gradients do not vanish; else does nothing.

        They are sums over a batch, not means: so it starts 16 times lower than torch's own does.
        """
        return torch.amp.GradScaler(self.device.type, 2.0**12, enabled=self.name == "float16")


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """`wanted`, or for "auto" the fastest that is safe on this device."""
    if wanted != "auto":
        return Precision(wanted, "as asked", device)
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return Precision("bfloat16", "this GPU has tensor cores for it", device)
    if device.type == "cpu" and _multiplies_bfloat16():
        return Precision("bfloat16", "this processor multiplies it faster", device)
    return Precision("float32", f"no fast bfloat16 on this {device.type}", device)


def _multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16: AVX-512 BF16, or AMX."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def clip(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    denominator: Tensor,
    most: float,
) -> Tensor:
    """Divide the gradient by the step's denominator and shorten it to norm `most`.

    The gradient is that of a sum, from as many backward passes as it took. Division and shortening
    go over it together. Where `most` is 0 it stays as long as it is; where it is not finite it is
    left as it is, lest one NaN becomes many. Returns the norm before shortening.
    """
    scaler.unscale_(optimizer)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients) / denominator
    shrink = (most / (norm + 1e-6)).clamp(max=1.0) if most else torch.ones_like(norm)
    torch._foreach_mul_(gradients, (shrink / denominator).where(norm.isfinite(), 1.0))
    return norm
