"""When a loss or a gradient is not a number: say where, and keep the batch to look at."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from minibert.errors import RunError
from minibert.training.protocols import FeatureSet
from minibert.training.run import RunDirectory, write_json
from minibert.training.settings import Settings


class Learnt(NamedTuple):
    """What one optimizer step has measured."""

    loss: float  # mean over what the task counts
    gradient_norm: float  # before shortening
    fault: str = ""  # the first parameter with an infinite gradient, or NaN; then there was no step


def first_fault(model: nn.Module) -> str:
    """The first parameter whose gradient is not finite, or else whose values are not."""
    for what in ("gradient", "value"):
        for name, parameter in model.named_parameters():
            tensor = parameter.grad if what == "gradient" else parameter
            if tensor is not None and not torch.isfinite(tensor).all():
                return f"{name} (its {what})"
    return "none: the loss alone"


def report_fault(
    run: RunDirectory,
    measured: dict[str, Any],
    fault: str,
    train_set: FeatureSet,
    rows: list[int],
    settings: Settings,
) -> None:
    """Keep the batch as bad_batch_STEP.json in the run; stop it, or say so and go on if asked.

    measured: as the log has it. rows: the batch's examples, counted from 0 in the file's order.
    Raises `RunError` naming step, examples and the first parameter, unless
    `settings.skip_bad_batches`.
    """
    batch = train_set.batch(rows)
    labels = getattr(batch, "labels", None)
    content = {
        **{name: _plain(value) for name, value in measured.items()},
        "first_parameter": fault,
        "examples": rows,
        **{name: value.tolist() for name, value in batch.inputs.items()},
        "labels": labels.tolist() if isinstance(labels, Tensor) else None,
    }
    file = run.path / f"bad_batch_{measured['step']}.json"
    if run.writes:
        write_json(file, content)
    what = (
        f"step {measured['step']}: loss {measured['loss']:g}, norm of the gradient "
        f"{measured['gradient_norm']:g}, first seen in {fault}. Examples "
        f"{', '.join(map(str, rows))} are kept in {file}"
    )
    if not settings.skip_bad_batches:
        raise RunError(f"{what}. Lower --lr, look at them, or leave them out: --skip-bad-batches")
    print(f"skipped  {what}")


def _plain(number: Any) -> Any:
    """JSON has no number for NaN and infinity."""
    return str(number) if isinstance(number, float) and not math.isfinite(number) else number
