"""What goes wrong in chapter 7: the mistakes that people make in its exercises."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.course.exercise import Mistake
from minibert.course.exercises.c07_fine_tuning import (
    Batches,
    State,
    adamw_step,
    clipped,
    length_of,
    rate_of,
    scaled_by,
    slope_of,
    trained,
)
from minibert.model import functional
from minibert.training import parameters


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


CROSS_ENTROPY_MISTAKES = (
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
)


RATE_MISTAKES = (
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
        lambda step, total, warmup, peak: peak * min(1, step / max(warmup, 1)) * (1 - step / total),
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
            peak * (step + 1) / warmup if step < warmup else rate_of(step, total, warmup, peak)
        ),
    ),
    Mistake(
        "rate-0-too-early",
        "a fall that reaches 0 in the last step; it is 0 in the step after",
        lambda step, total, warmup, peak: (
            peak * (step / warmup if step < warmup else (total - 1 - step) / (total - 1 - warmup))
        ),
    ),
    Mistake(
        "rate-is-a-share",
        "a factor from 0 to 1: multiply with the peak",
        lambda step, total, warmup, peak: rate_of(step, total, warmup, 1.0),
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
)


DECAYS_MISTAKES = (
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
)


CLIP_MISTAKES = (
    Mistake(
        "clip-each-tensor",
        "every tensor clipped by itself: the norm is that of all together",
        lambda gradients, max_norm: [
            one for gradient in gradients for one in clipped([gradient], max_norm)
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
        lambda gradients, max_norm: [g * (max_norm / length_of(gradients)) for g in gradients],
    ),
    Mistake(
        "clip-squared-norm",
        "the squared norm: the root is missing",
        lambda gradients, max_norm: (
            scaled_by(gradients, length_of(gradients) ** 2, max_norm) if gradients else []
        ),
    ),
    Mistake(
        "clip-sum-of-norms",
        "the sum of the tensors' norms: add their squares, then take the root",
        lambda gradients, max_norm: scaled_by(
            gradients, torch.tensor(sum(float(g.norm()) for g in gradients)), max_norm
        ),
    ),
    Mistake(
        "clip-largest-norm",
        "the largest of the tensors' norms in place of that of all together",
        lambda gradients, max_norm: scaled_by(
            gradients, max((g.norm() for g in gradients), default=torch.tensor(0.0)), max_norm
        ),
    ),
    Mistake(
        "clip-sum-of-sizes",
        "the sum of the numbers' sizes in place of the root of the sum of squares",
        lambda gradients, max_norm: scaled_by(
            gradients, torch.tensor(sum(float(g.abs().sum()) for g in gradients)), max_norm
        ),
    ),
    Mistake(
        "clip-largest-number",
        "the largest number in place of the norm",
        lambda gradients, max_norm: scaled_by(
            gradients,
            torch.tensor(max((float(g.abs().max()) for g in gradients), default=0.0)),
            max_norm,
        ),
    ),
    Mistake(
        "clip-to-length-1",
        "gradients made 1 long: multiply with max_norm besides",
        lambda gradients, max_norm: (
            [g / length_of(gradients) for g in gradients]
            if gradients and length_of(gradients) > max_norm
            else list(gradients)
        ),
    ),
)


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
    return adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)


def _no_decay(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    return adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)


def _decay_afterwards(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> State:
    state = adamw_step(parameter, gradient, first, second, step, rate, decay=0.0)
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
    new, first, second = adamw_step(parameter, gradient, first, second, step, rate, decay)
    return new, first / (1 - 0.9**step), second / (1 - 0.999**step)


ADAMW_STEP_MISTAKES = (
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
)


def _piling_up(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    gradient = torch.zeros_like(weight)
    for batch in batches:
        gradient = gradient + slope_of(weight, *batch)
        weight = weight - rate * gradient
    return weight


def _at_the_end(weight: Tensor, batches: Batches, rate: float) -> Tensor:
    slopes = [slope_of(weight, *batch) for batch in batches]
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


TRAIN_MISTAKES = (
    Mistake(
        "train-gradients-pile-up",
        "gradients that pile up: backward adds to what is there, so empty it in every step",
        _piling_up,
    ),
    Mistake(
        "train-uphill",
        "steps uphill: the gradient is subtracted",
        lambda weight, batches, rate: trained(weight, batches, -rate),
    ),
    Mistake(
        "train-last-batch",
        "the last batch alone: the step belongs into the loop",
        lambda weight, batches, rate: trained(weight, batches[-1:], rate),
    ),
    Mistake(
        "train-first-batch",
        "the first batch alone: the loop is left too early",
        lambda weight, batches, rate: trained(weight, batches[:1], rate),
    ),
    Mistake(
        "train-one-step-at-the-end",
        "one step with all gradients at the end: every batch has a step of its own",
        _at_the_end,
    ),
    Mistake(
        "train-sum-of-squares",
        "the sum of squares in place of their mean",
        _with_slope(lambda weight, x, y: slope_of(weight, x, y) * len(y)),
    ),
    Mistake(
        "train-half-the-error",
        "half the squared error",
        _with_slope(lambda weight, x, y: slope_of(weight, x, y) / 2),
    ),
    Mistake("train-absolute-error", "the absolute error, not squared", _with_slope(_absolute)),
    Mistake(
        "train-every-pair",
        "(N, 1) minus (N,), which is (N, N): every prediction against every target",
        _with_slope(lambda weight, x, y: slope_of(weight, *_each_with_target(x, y))),
    ),
    Mistake(
        "train-nothing",
        "the weight as it came: the step changes a copy that is thrown away",
        lambda weight, batches, rate: weight.clone(),
    ),
)

MISTAKES = {
    "cross_entropy": CROSS_ENTROPY_MISTAKES,
    "rate": RATE_MISTAKES,
    "decays": DECAYS_MISTAKES,
    "clip": CLIP_MISTAKES,
    "adamw_step": ADAMW_STEP_MISTAKES,
    "train": TRAIN_MISTAKES,
}
