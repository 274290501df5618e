"""Chapter 07, fine-tuning: the loss, the rate, what decays, clipping, AdamW and the loop."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.course.drawing import normal
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.model import functional
from minibert.training import parameters

PAGE = "07_fine_tuning"

# --- cross_entropy --------------------------------------------------------------------------------


def _counted_as_first(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    return functional.cross_entropy(logits, labels.where(labels != ignore_index, 0))


def _naive_softmax(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    probs = logits.exp() / logits.exp().sum(-1, keepdim=True)
    losses = -probs.log()
    counted = labels != ignore_index
    right = losses.gather(-1, labels.where(counted, 0).unsqueeze(-1)).squeeze(-1)
    return right.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def _logit_for_loss(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    counted = labels != ignore_index
    right = logits.gather(-1, labels.where(counted, 0).unsqueeze(-1)).squeeze(-1)
    return -right.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def _over_first_dimension(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    counted = labels != ignore_index
    log_probs = torch.log_softmax(logits, 0)
    right = log_probs.gather(-1, labels.where(counted, 0).unsqueeze(-1)).squeeze(-1)
    return -right.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


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
    mistakes=(
        Mistake(
            "loss-over-padding",
            "the padding in the denominator: a mean over all labels, ignored ones too",
            lambda logits, labels, ignored=-100: functional.cross_entropy(
                logits, labels, ignored, "none"
            ).mean(),
        ),
        Mistake(
            "loss-ignored-counted", "ignored labels counted as those of class 0", _counted_as_first
        ),
        Mistake(
            "loss-sum",
            "the sum; the mean is asked for",
            lambda logits, labels, ignored=-100: functional.cross_entropy(
                logits, labels, ignored, "sum"
            ),
        ),
        Mistake(
            "loss-nan",
            "0 / 0 where all labels are ignored: the loss is 0 then",
            lambda logits, labels, ignored=-100: torch_functional.cross_entropy(
                logits.flatten(0, -2), labels.flatten(), ignore_index=ignored
            ),
        ),
        Mistake(
            "loss-of-probabilities",
            "the softmax taken twice: logits are given, not probabilities",
            lambda logits, labels, ignored=-100: functional.cross_entropy(
                logits.softmax(-1), labels, ignored
            ),
        ),
        Mistake("loss-without-softmax", "minus the logit, without the softmax", _logit_for_loss),
        Mistake(
            "loss-overflow",
            "exp of the logits as they are, which is infinite for large ones",
            _naive_softmax,
        ),
        Mistake(
            "loss-softmax-over-examples",
            "the softmax over the first dimension; classes stand in the last",
            _over_first_dimension,
        ),
        Mistake(
            "loss-always-100",
            "-100 written in, whatever ignore_index is",
            lambda logits, labels, ignored=-100: functional.cross_entropy(logits, labels),
        ),
        Mistake(
            "loss-sign",
            "the sign turned round: the loss is minus the log-probability",
            lambda *arguments: -functional.cross_entropy(*arguments),
        ),
        Mistake(
            "loss-in-bits",
            "the logarithm of base 2",
            lambda *arguments: functional.cross_entropy(*arguments) / math.log(2),
        ),
    ),
    forbidden=(
        "minibert.model.functional.cross_entropy",
        "aten.cross_entropy_loss",
        "aten.nll_loss_forward",
        "aten.nll_loss2d_forward",
    ),
)

# --- rate -----------------------------------------------------------------------------------------


def _rate(step: int, total: int, warmup: int, peak: float) -> float:
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
    reference=_rate,
    probes=_rates,
    hints=(
        "Two straight lines: one for the steps below `warmup`, one for the others.",
        "The second falls from the peak, at step == warmup, to 0, at step == total: so it takes "
        "total - warmup steps.",
    ),
    page=f"{PAGE}: The step",
    mistakes=(
        Mistake(
            "rate-no-warmup",
            "no warm-up: the rate falls from the first step on",
            lambda step, total, warmup, peak: peak * (1 - step / total),
        ),
        Mistake(
            "rate-decay-from-step-0",
            "a fall that began in step 0, so that the rate drops when the warm-up ends; Google's "
            "first code has it so",
            lambda step, total, warmup, peak: (
                peak * (step / warmup if step < warmup else 1 - step / total)
            ),
        ),
        Mistake(
            "rate-both-lines-at-once",
            "the rise multiplied with the fall: during the warm-up the rate does not fall yet",
            lambda step, total, warmup, peak: (
                peak * min(1, step / max(warmup, 1)) * (1 - step / total)
            ),
        ),
        Mistake(
            "rate-never-0",
            "a fall over `total` steps, which does not reach 0: it has total - warmup steps",
            lambda step, total, warmup, peak: (
                peak * (step / warmup if step < warmup else 1 - (step - warmup) / total)
            ),
        ),
        Mistake(
            "rate-no-decay",
            "no fall: the rate stays at its peak",
            lambda step, total, warmup, peak: peak * (step / warmup if step < warmup else 1),
        ),
        Mistake(
            "rate-counts-from-1",
            "the steps of the warm-up counted from 1: step 0 has rate 0",
            lambda step, total, warmup, peak: (
                peak * (step + 1) / warmup if step < warmup else _rate(step, total, warmup, peak)
            ),
        ),
        Mistake(
            "rate-0-too-early",
            "a fall that reaches 0 in the last step; it is 0 in the step after",
            lambda step, total, warmup, peak: (
                peak
                * (step / warmup if step < warmup else (total - 1 - step) / (total - 1 - warmup))
            ),
        ),
        Mistake(
            "rate-is-a-share",
            "a factor from 0 to 1: multiply with the peak",
            lambda step, total, warmup, peak: _rate(step, total, warmup, 1.0),
        ),
        Mistake(
            "rate-whole-numbers",
            "//, which leaves whole numbers: the rate stands still",
            lambda step, total, warmup, peak: (
                peak * (step // warmup if step < warmup else (total - step) // (total - warmup))
            ),
        ),
        Mistake(
            "rate-division-by-no-warmup",
            "a division by warmup even where that is 0",
            lambda step, total, warmup, peak: (
                peak * min(step / warmup, (total - step) / (total - warmup))
            ),
        ),
        Mistake(
            "rate-cosine",
            "half a cosine in place of a straight line",
            lambda step, total, warmup, peak: (
                peak
                * (
                    step / warmup
                    if step < warmup
                    else (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
                )
            ),
        ),
    ),
)

# --- decays ---------------------------------------------------------------------------------------


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
    mistakes=(
        Mistake("decay-everything", "all parameters decayed", lambda name: True),
        Mistake(
            "decay-norms",
            "the weights of LayerNorms decayed too (in this library their names end with "
            "norm.weight; LayerNorm.weight is Hugging Face's)",
            lambda name: not name.endswith("bias"),
        ),
        Mistake(
            "decay-biases",
            "biases decayed",
            lambda name: not name.endswith("norm.weight") and "norm.bias" not in name,
        ),
        Mistake(
            "decay-turned-round",
            "the answers turned round",
            lambda name: not parameters.decays(name),
        ),
        Mistake(
            "decay-no-embeddings",
            "the embeddings spared: they decay like every other matrix",
            lambda name: parameters.decays(name) and "embeddings" not in name,
        ),
        Mistake(
            "decay-no-head",
            "the head spared: it decays as the body does",
            lambda name: parameters.decays(name) and name.startswith("bert."),
        ),
        Mistake(
            "decay-layers-alone",
            "the layers alone decayed: embeddings, pooler and head do so too",
            lambda name: parameters.decays(name) and "layers" in name,
        ),
        Mistake(
            "decay-one-norm",
            "only some LayerNorms spared: attention_norm and output_norm are two more",
            lambda name: not name.endswith(("bias", ".norm.weight")),
        ),
    ),
    forbidden=("minibert.training.parameters.decays",),
)

# --- clip -----------------------------------------------------------------------------------------


def _norm(gradients: list[Tensor]) -> Tensor:
    return torch.stack([gradient.norm() for gradient in gradients]).norm()


def _scaled(gradients: list[Tensor], norm: Tensor, max_norm: float) -> list[Tensor]:
    if norm <= max_norm:
        return list(gradients)
    return [gradient * (max_norm / norm) for gradient in gradients]


def _clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    return _scaled(gradients, _norm(gradients), max_norm) if gradients else []


def _gradients(generator: torch.Generator) -> list[Probe]:
    def drawn(dtype: torch.dtype = torch.float64) -> list[Tensor]:
        return [normal(generator, *shape, dtype=dtype) for shape in ((3, 4), (5,), (2, 1, 3))]

    large, half = drawn(), drawn()
    below = float(_norm(half)) * 0.9  # the whole is above it, and each of them is not
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
    reference=_clip,
    probes=_gradients,
    tolerance=1e-5,  # torch's own divides by the norm plus 1e-6, which is as good
    hints=(
        "All gradients together are one long vector. How long is it?",
        "Its norm: the root of the sum of all squares, over all elements of all tensors.",
        "If it is above max_norm, multiply every tensor with max_norm / norm; else change nothing.",
    ),
    page=f"{PAGE}: The step",
    mistakes=(
        Mistake(
            "clip-each-tensor",
            "every tensor clipped by itself: the norm is that of all together",
            lambda gradients, max_norm: [
                clipped for gradient in gradients for clipped in _clip([gradient], max_norm)
            ],
        ),
        Mistake(
            "clip-values",
            "every number cut off at max_norm: that changes the direction",
            lambda gradients, max_norm: [g.clamp(-max_norm, max_norm) for g in gradients],
        ),
        Mistake(
            "clip-stretches",
            "short gradients stretched to max_norm: what is short enough stays as it is",
            lambda gradients, max_norm: [g * (max_norm / _norm(gradients)) for g in gradients],
        ),
        Mistake(
            "clip-squared-norm",
            "the squared norm: the root is missing",
            lambda gradients, max_norm: (
                _scaled(gradients, _norm(gradients) ** 2, max_norm) if gradients else []
            ),
        ),
        Mistake(
            "clip-sum-of-norms",
            "the sum of the tensors' norms: add their squares, then take the root",
            lambda gradients, max_norm: _scaled(
                gradients, torch.tensor(sum(float(g.norm()) for g in gradients)), max_norm
            ),
        ),
        Mistake(
            "clip-largest-norm",
            "the largest of the tensors' norms in place of that of all together",
            lambda gradients, max_norm: _scaled(
                gradients, max((g.norm() for g in gradients), default=torch.tensor(0.0)), max_norm
            ),
        ),
        Mistake(
            "clip-sum-of-sizes",
            "the sum of the numbers' sizes in place of the root of the sum of squares",
            lambda gradients, max_norm: _scaled(
                gradients, torch.tensor(sum(float(g.abs().sum()) for g in gradients)), max_norm
            ),
        ),
        Mistake(
            "clip-largest-number",
            "the largest number in place of the norm",
            lambda gradients, max_norm: _scaled(
                gradients,
                torch.tensor(max((float(g.abs().max()) for g in gradients), default=0.0)),
                max_norm,
            ),
        ),
        Mistake(
            "clip-to-length-1",
            "gradients made 1 long: multiply with max_norm besides",
            lambda gradients, max_norm: (
                [g / _norm(gradients) for g in gradients]
                if gradients and _norm(gradients) > max_norm
                else list(gradients)
            ),
        ),
    ),
)

# --- adamw_step -----------------------------------------------------------------------------------

State = tuple[Tensor, Tensor, Tensor]


def _adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    change = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    return parameter - rate * (change + decay * parameter), first, second


def _adamw(
    betas: tuple[float, float] = (0.9, 0.999),
    corrected: tuple[bool, bool] = (True, True),
    late: int = 0,
    shares: bool = True,
    power: int = 2,
    eps: str = "outside",
    root: bool = True,
    old_moments: bool = False,
    decay_by_rate: bool = True,
    sign: int = 1,
) -> Callable[..., State]:
    """AdamW with something about it changed."""

    def adamw_step(
        parameter: Tensor,
        gradient: Tensor,
        first: Tensor,
        second: Tensor,
        step: int,
        rate: float,
        decay: float,
    ) -> State:
        before = first, second
        one, other = (1 - betas[0], 1 - betas[1]) if shares else (1, 1)
        first = betas[0] * first + one * gradient
        second = betas[1] * second + other * gradient**power
        used = before if old_moments else (first, second)
        mean, square = (
            moment / (1 - beta ** (step + late)) if correct else moment
            for moment, beta, correct in zip(used, betas, corrected, strict=True)
        )
        if eps == "inside":
            width = (square + 1e-8).sqrt()
        elif eps == "none":
            width = square.sqrt()
        elif eps == "before":
            width = square.sqrt() + 1e-8 / math.sqrt(1 - betas[1] ** step)
        else:
            width = (square.sqrt() if root else square) + 1e-8
        shrunk = parameter * (1 - (rate * decay if decay_by_rate else decay))
        return shrunk - sign * rate * mean / width, first, second

    return adamw_step


def _decay_in_gradient(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    gradient = gradient + decay * parameter
    return _adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)


def _no_decay(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    return _adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)


def _decay_afterwards(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    state = _adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)
    return state[0] * (1 - rate * decay), *state[1:]


def _corrected_kept(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    new, first, second = _adamw_step(parameter, gradient, first, second, step, rate, decay)
    return new, first / (1 - 0.9**step), second / (1 - 0.999**step)


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
    reference=_adamw_step,
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
    mistakes=(
        Mistake(
            "adamw-uncorrected",
            "the moments as they are, without bias correction",
            _adamw(corrected=(False, False)),
        ),
        Mistake(
            "adamw-first-corrected-alone",
            "bias correction of the first moment alone",
            _adamw(corrected=(True, False)),
        ),
        Mistake(
            "adamw-second-corrected-alone",
            "bias correction of the second moment alone",
            _adamw(corrected=(False, True)),
        ),
        Mistake(
            "adamw-counts-from-0",
            "step + 1 in the bias correction: steps are counted from 1 here",
            _adamw(late=1),
        ),
        Mistake(
            "adamw-decay-in-gradient",
            "the decay added to the gradient, as in Adam with L2; in AdamW it acts beside",
            _decay_in_gradient,
        ),
        Mistake(
            "adamw-no-decay",
            "no weight decay",
            _no_decay,
        ),
        Mistake(
            "adamw-decay-without-rate",
            "a decay that is not multiplied with the rate",
            _adamw(decay_by_rate=False),
        ),
        Mistake(
            "adamw-decay-afterwards",
            "the decay taken of the new parameter: it is that of the parameter as it was",
            _decay_afterwards,
        ),
        Mistake(
            "adamw-corrected-kept",
            "the corrected moments handed on: they are kept as they are",
            _corrected_kept,
        ),
        Mistake("adamw-no-eps", "eps left out", _adamw(eps="none")),
        Mistake("adamw-eps-inside", "eps inside the root", _adamw(eps="inside")),
        Mistake(
            "adamw-eps-before-correction",
            "eps added before the second moment is corrected",
            _adamw(eps="before"),
        ),
        Mistake("adamw-betas-swapped", "0.999 and 0.9 swapped", _adamw(betas=(0.999, 0.9))),
        Mistake(
            "adamw-moments-of-the-step-before",
            "the moments of the step before: they take in the gradient first",
            _adamw(old_moments=True),
        ),
        Mistake("adamw-no-root", "the second moment without its root", _adamw(root=False)),
        Mistake(
            "adamw-gradient-not-squared",
            "the gradient in the second moment, and not its square",
            _adamw(power=1),
        ),
        Mistake(
            "adamw-sums",
            "the whole gradient added to the moments: it comes in by 0.1 and 0.001",
            _adamw(shares=False),
        ),
        Mistake("adamw-uphill", "a step uphill: plus in place of minus", _adamw(sign=-1)),
    ),
)

# --- train ----------------------------------------------------------------------------------------

Batches = list[tuple[Tensor, Tensor]]


def _slope(weight: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the mean squared error, worked out by hand."""
    return 2 * inputs.T @ (inputs @ weight - targets) / len(targets)


def _train(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    for batch in batches:
        weight = weight - rate * _slope(weight, *batch)
    return weight


def _piling_up(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    gradient = torch.zeros_like(weight)
    for batch in batches:
        gradient = gradient + _slope(weight, *batch)
        weight = weight - rate * gradient
    return weight


def _at_the_end(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    slopes = [_slope(weight, *batch) for batch in batches]
    return weight - rate * sum(slopes, torch.zeros_like(weight))


def _each_with_target(inputs: Tensor, targets: Tensor) -> Iterator[Tensor]:
    """Every row of the inputs with every target: what (N, 1) - (N,) makes of them."""
    yield inputs.repeat_interleave(len(targets), 0)
    yield targets.repeat(len(inputs))


def _absolute(weight: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    return inputs.T @ (inputs @ weight - targets).sign() / len(targets)


def _with_slope(
    slope: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Batches, float], Tensor]:
    """The loop with another gradient."""

    def train(weight: Tensor, batches: Batches, rate: float) -> Tensor:
        for batch in batches:
            weight = weight - rate * slope(weight, *batch)
        return weight

    return train


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
    reference=_train,
    probes=_loops,
    hints=(
        "Work on a copy that wants a gradient: weight.clone().requires_grad_().",
        "For each batch: loss, loss.backward(), a step under torch.no_grad(), and the gradient "
        "back to None: backward adds to what is there.",
    ),
    page=f"{PAGE}: The loop",
    mistakes=(
        Mistake(
            "train-gradients-pile-up",
            "gradients that pile up: backward adds to what is there, so empty it in every step",
            _piling_up,
        ),
        Mistake(
            "train-uphill",
            "steps uphill: the gradient is subtracted",
            lambda weight, batches, rate: _train(weight, batches, -rate),
        ),
        Mistake(
            "train-last-batch",
            "the last batch alone: the step belongs into the loop",
            lambda weight, batches, rate: _train(weight, batches[-1:], rate),
        ),
        Mistake(
            "train-first-batch",
            "the first batch alone: the loop is left too early",
            lambda weight, batches, rate: _train(weight, batches[:1], rate),
        ),
        Mistake(
            "train-one-step-at-the-end",
            "one step with all gradients at the end: every batch has a step of its own",
            _at_the_end,
        ),
        Mistake(
            "train-sum-of-squares",
            "the sum of squares in place of their mean",
            _with_slope(lambda weight, x, y: _slope(weight, x, y) * len(y)),
        ),
        Mistake(
            "train-half-the-error",
            "half the squared error",
            _with_slope(lambda weight, x, y: _slope(weight, x, y) / 2),
        ),
        Mistake("train-absolute-error", "the absolute error, not squared", _with_slope(_absolute)),
        Mistake(
            "train-every-pair",
            "(N, 1) minus (N,), which is (N, N): every prediction against every target",
            _with_slope(lambda weight, x, y: _slope(weight, *_each_with_target(x, y))),
        ),
        Mistake(
            "train-nothing",
            "the weight as it came: the step changes a copy that is thrown away",
            lambda weight, batches, rate: weight.clone(),
        ),
    ),
)

EXERCISES = (CROSS_ENTROPY, RATE, DECAYS, CLIP, ADAMW_STEP, TRAIN)
