"""Chapter 07, fine-tuning: the loss, the rate, what decays, clipping, AdamW and the loop."""

from typing import Any

import torch
from torch import Tensor

from minibert.course.drawing import normal
from minibert.course.exercise import Exercise, Probe
from minibert.model import functional
from minibert.training import parameters

PAGE = "07_fine_tuning"


def _losses(generator: torch.Generator) -> list[Probe]:
    def arguments(
        *shape: int, dtype: torch.dtype = torch.float64, ignored: int = -100
    ) -> tuple[Tensor, Tensor]:
        logits = normal(generator, *shape, dtype=dtype)
        labels = torch.randint(shape[-1], shape[:-1], generator=generator)
        labels.view(-1)[1::3] = ignored
        return logits, labels

    logits, labels = arguments(2, 5, 4)
    return [
        Probe("tokens, some without a label", (logits, labels), gradients=(0,)),
        Probe("no label at all", (logits, labels.new_full((2, 5), -100))),
        Probe("logits in the thousands", (1000 * logits, labels)),
        Probe("padding labelled 3", (*arguments(7, 4, ignored=3), 3)),
        Probe("one example, float32", arguments(1, 3, dtype=torch.float32)),
    ]


CROSS_ENTROPY = Exercise(
    name="cross_entropy",
    title="The loss of every classifier",
    points=3,
    difficulty=3,
    minutes=20,
    reference=functional.cross_entropy,
    probes=_losses,
    hints=(
        "For one row: log(sum(exp(logits))) - logits[label]. Subtract the row's largest logit "
        "first, or let torch.logsumexp or torch.log_softmax do so: exp(1000) is infinite.",
        "-100 cannot be looked up. Put some class in its place, look that up, and set those losses "
        "to 0 afterwards.",
        "Divide by the number of labels that count, but by 1 if there is none.",
    ),
    page=f"{PAGE}: The loss",
    forbidden=(
        "minibert.model.functional.cross_entropy",
        "aten.cross_entropy_loss",
        "aten.nll_loss_forward",
        "aten.nll_loss2d_forward",
    ),
)


def rate_of(step: int, total: int, warmup: int, peak: float) -> float:
    """Up in a straight line over the warm-up, then down to zero."""
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)


def _rates(generator: torch.Generator) -> list[Probe]:
    extra = int(torch.randint(1, 9, (), generator=generator))
    total, warmup, peak = 40 + extra, 8 + extra % 3, 1e-3 * (1 + extra)
    middle = (total + warmup) // 2
    return [
        Probe("the first step", (0, total, warmup, peak)),
        Probe("the second step", (1, total, warmup, peak)),
        Probe("the last step of the warm-up", (warmup - 1, total, warmup, peak)),
        Probe("the step after the warm-up", (warmup, total, warmup, peak)),
        Probe("half way down", (middle, total, warmup, peak)),
        Probe("the last step", (total - 1, total, warmup, peak)),
        Probe("after the last step", (total, total, warmup, peak)),
        Probe("no warm-up", (0, total, 0, peak)),
        Probe("no warm-up, later", (3, total, 0, peak)),
    ]


RATE = Exercise(
    name="rate",
    title="Warm up, then come down",
    points=2,
    difficulty=1,
    minutes=10,
    reference=rate_of,
    probes=_rates,
    hints=(
        "Two straight lines: one for the steps below `warmup`, one for the others.",
        "The second falls from the peak, at step == warmup, to 0, at step == total: so it takes "
        "total - warmup steps.",
    ),
    page=f"{PAGE}: The step",
)


def _names(generator: torch.Generator) -> list[Probe]:
    layer = f"bert.encoder.layers.{int(torch.randint(12, (), generator=generator))}"
    return [
        Probe(name, (name,))
        for name in (
            f"{layer}.attention.query.weight",
            f"{layer}.attention.query.bias",
            f"{layer}.attention_norm.weight",
            f"{layer}.attention_norm.bias",
            f"{layer}.feed_forward.inner.weight",
            f"{layer}.output_norm.weight",
            "bert.embeddings.token.weight",
            "bert.embeddings.norm.weight",
            "bert.pooler.dense.weight",
            "mlm.bias",
            "classifier.weight",
            "classifier.bias",
        )
    ]


DECAYS = Exercise(
    name="decays",
    title="What weight decay spares",
    points=1,
    difficulty=1,
    minutes=5,
    reference=parameters.decays,
    probes=_names,
    hints=(
        "Print the names: [name for name, _ in model.named_parameters()].",
        "A name that ends with bias, or with norm.weight, does not decay. All others do.",
    ),
    page=f"{PAGE}: The step",
    forbidden=("minibert.training.parameters.decays",),
)


def length_of(gradients: list[Tensor]) -> Tensor:
    """The length of all gradients as one vector."""
    return torch.stack([gradient.norm() for gradient in gradients]).norm()


def scaled_by(gradients: list[Tensor], norm: Tensor, max_norm: float) -> list[Tensor]:
    """The gradients, shortened if `norm` is above `max_norm`."""
    if norm <= max_norm:
        return list(gradients)
    return [gradient * (max_norm / norm) for gradient in gradients]


def clipped(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    """All gradients shortened together."""
    return scaled_by(gradients, length_of(gradients), max_norm) if gradients else []


def _gradients(generator: torch.Generator) -> list[Probe]:
    def drawn(dtype: torch.dtype = torch.float64) -> list[Tensor]:
        return [normal(generator, *shape, dtype=dtype) for shape in ((3, 4), (5,), (2, 1, 3))]

    large, half = drawn(), drawn()
    below = float(length_of(half)) * 0.9  # the whole is above it, and each of them is not
    mixed = [large[0] * 10, large[1] / 10, large[2]]
    return [
        Probe("too long", (large, 0.5)),
        Probe("one large among small ones", (mixed, 2.0)),
        Probe("too long only together", (half, below)),
        Probe("short enough", ([gradient / 100 for gradient in large], 1.0)),
        Probe("nothing but zeros", ([torch.zeros(2, 3).double(), torch.zeros(4).double()], 1.0)),
        Probe("no gradient at all", ([], 1.0)),
        Probe("float32", (drawn(torch.float32), 1.0)),
    ]


CLIP = Exercise(
    name="clip",
    title="No step too long",
    points=2,
    difficulty=2,
    minutes=10,
    reference=clipped,
    probes=_gradients,
    tolerance=1e-5,  # torch's own divides by the norm plus 1e-6, which is as good
    hints=(
        "All gradients together are one long vector. How long is it?",
        "Its norm: the root of the sum of all squares, over all elements of all tensors.",
        "If it is above max_norm, multiply every tensor with max_norm / norm; else change nothing.",
    ),
    page=f"{PAGE}: The step",
)


State = tuple[Tensor, Tensor, Tensor]


def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    """One step of AdamW: the parameter, and both running means."""
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    change = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    return parameter - rate * (change + decay * parameter), first, second


def _steps(generator: torch.Generator) -> list[Probe]:
    def arguments(
        *shape: int, step: int, size: float = 1.0, dtype: torch.dtype = torch.float64
    ) -> tuple[Any, ...]:
        parameter, gradient, first = (normal(generator, *shape, dtype=dtype) for _ in range(3))
        second = normal(generator, *shape, dtype=dtype).square()
        if step == 1:
            first, second = torch.zeros_like(first), torch.zeros_like(second)
        return parameter, size * gradient, size * first, size**2 * second, step, 0.1, 0.03

    return [
        Probe("the first step", arguments(3, 4, step=1)),
        Probe("a later step", arguments(2, 5, step=7)),
        Probe("gradients so small that eps shows", arguments(6, step=3, size=1e-6)),
        Probe("float32", arguments(4, step=12, dtype=torch.float32)),
    ]


ADAMW_STEP = Exercise(
    name="adamw_step",
    title="One step of AdamW",
    points=3,
    difficulty=3,
    minutes=20,
    reference=adamw_step,
    probes=_steps,
    hints=(
        "first is a running mean of the gradients, second one of their squares: 0.9 and 0.999 of "
        "the old, 0.1 and 0.001 of the new.",
        "Both began at 0 and are too small at first. Divide by 1 - 0.9**step and 1 - 0.999**step "
        "for use; keep them undivided.",
        "The change is the mean over (the root of the square + 1e-8). The decay goes beside it, "
        "not into the gradient: parameter - rate * (change + decay * parameter).",
    ),
    page=f"{PAGE}: The step",
)


Batches = list[tuple[Tensor, Tensor]]


def slope_of(weight: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the mean squared error, worked out by hand."""
    return 2 * inputs.T @ (inputs @ weight - targets) / len(targets)


def trained(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    """The weight after one plain step for each batch."""
    for batch in batches:
        weight = weight - rate * slope_of(weight, *batch)
    return weight


def _loops(generator: torch.Generator) -> list[Probe]:
    def arguments(
        width: int, sizes: tuple[int, ...], dtype: torch.dtype = torch.float64
    ) -> tuple[Any, ...]:
        batches = [
            (normal(generator, size, width, dtype=dtype), normal(generator, size, dtype=dtype))
            for size in sizes
        ]
        return normal(generator, width, dtype=dtype), batches, 0.05

    return [
        Probe("four batches", arguments(3, (4, 4, 4, 2))),
        Probe("one batch", arguments(2, (5,))),
        Probe("no batch", arguments(4, ())),
        Probe("float32", arguments(3, (2, 3), torch.float32)),
    ]


TRAIN = Exercise(
    name="train",
    title="The loop",
    points=3,
    difficulty=2,
    minutes=15,
    reference=trained,
    probes=_loops,
    hints=(
        "Work on a copy that wants a gradient: weight.clone().requires_grad_().",
        "For each batch: loss, loss.backward(), a step under torch.no_grad(), and the gradient "
        "back to None: backward adds to what is there.",
    ),
    page=f"{PAGE}: The loop",
)

EXERCISES = (CROSS_ENTROPY, RATE, DECAYS, CLIP, ADAMW_STEP, TRAIN)
