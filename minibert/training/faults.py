"""When a loss or a gradient is not a number: say where, and keep the batch to look at."""

import math

import torch
from torch import Tensor, nn

from minibert.checkpoint.disk import write_json
from minibert.errors import RunError
from minibert.training.evaluation import Evaluation
from minibert.training.learner import Learnt
from minibert.training.protocols import FeatureSet
from minibert.training.run import RunDirectory
from minibert.training.settings import Settings


def first_fault(model: nn.Module) -> str:
    """The first parameter whose values are not finite, which spoil all gradients; or, where all
    are, the first whose gradient is not."""
    for what in ("value", "gradient"):
        for name, parameter in model.named_parameters():
            tensor = parameter.grad if what == "gradient" else parameter
            if tensor is not None and not torch.isfinite(tensor).all():
                return f"{name} (its {what})"
    return "none: the loss alone"


def report_fault(
    run: RunDirectory,
    step: int,
    learnt: Learnt,
    model: nn.Module,
    train_set: FeatureSet,
    rows: list[int],
    settings: Settings,
) -> None:
    """Keep the batch as bad_batch_STEP.json in the run; stop it, or say so and go on if asked.

    rows: the batch's examples, counted from 0 in the file's order. Raises `RunError` naming step,
    examples and the first parameter, unless `settings.skip_bad_batches`.
    """
    batch = train_set.packed(rows)
    labels = getattr(batch, "labels", None)
    fault = first_fault(model)
    content = {
        "step": step,
        "loss": _plain(learnt.loss),
        "gradient_norm": _plain(learnt.gradient_norm),
        "first_parameter": fault,
        "examples": rows,
        **{name: _listed(value) for name, value in batch.inputs.items()},
        "labels": _listed(labels),
    }
    file = run.path / f"bad_batch_{step}.json"
    if run.writes:
        write_json(file, content)
    what = (
        f"step {step}: loss {learnt.loss:g}, norm of the gradient {learnt.gradient_norm:g}, first "
        f"seen in {fault}. Examples {', '.join(map(str, rows))} are kept in {file}"
    )
    if not settings.skip_bad_batches:
        raise RunError(f"{what}. Lower --lr, look at them, or leave them out: --skip-bad-batches")
    print(f"skipped  {what}")


def check_evaluation(dev: Evaluation, step: int) -> None:
    """Raises `RunError` if a model has broken in its last step, which no batch shows any more."""
    if not math.isfinite(dev.loss):
        raise RunError(f"the dev loss is {dev.loss:g} after step {step}. Lower --lr")


def _listed(value: object) -> object:
    return value.tolist() if isinstance(value, Tensor) else value


def _plain(number: float) -> float | str:
    """JSON has no number for NaN and infinity."""
    return number if math.isfinite(number) else str(number)
