"""Chapter 5: what else is in an encoder layer, and all of it together."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as torch_functional

from minibert.course import drawing
from minibert.course.drawing import holes, normal, sizes
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.course.exercises.c03_attention import filled, masked_afterwards
from minibert.course.exercises.c04_heads import (
    Weights,
    cut_by_view,
    merged_by_view,
    projections,
    through,
)
from minibert.model import functional

PAGE = "05_encoder_layer"
EPS = 1e-12

Activation = Callable[[Tensor], Tensor]
Norm = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def dropout(x: Tensor, p: float, keep: Tensor) -> Tensor:
    """x where `keep` is True, divided by 1 - p; zeros elsewhere, and everywhere if p is 1."""
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return torch.where(keep, x * scale, 0.0)


def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    """Two linear layers with GELU between."""
    return functional.feed_forward(
        x, inner_weight, inner_bias, outer_weight, outer_bias, functional.gelu
    )


def encoder_layer(
    hidden: Tensor,
    weights: Weights,
    heads: int,
    mask: Tensor | None,
    hidden_dropout: float,
    attention_dropout: float,
) -> Tensor:
    """Attention and feed-forward, each with dropout, residual sum and LayerNorm, in this order."""
    return layer(hidden, weights, heads, mask, hidden_dropout, attention_dropout, Steps())


@dataclass(frozen=True)
class Steps:
    """How a layer goes about it; as it stands here, like BERT."""

    attend: Callable[..., Tensor] = functional.scaled_dot_product_attention
    activation: Activation = functional.gelu
    drop_attended: str = "before"  # the sum; or "never", "sum", "norm"
    drop_transformed: str = "before"
    first_residual: bool = True
    second_residual: str = "normalised"  # or "input", "attended", "none"
    first_norm: str = "attention_norm"
    second_norm: str = "output_norm"
    normalise_first: bool = False
    parallel: bool = False
    eps: float = EPS
    norm: Norm = functional.layer_norm
    split: Callable[[Tensor, int], Tensor] = functional.split_heads
    merge: Callable[[Tensor], Tensor] = functional.merge_heads


def layer(
    hidden: Tensor,
    weights: Weights,
    heads: int,
    mask: Tensor | None,
    hidden_dropout: float,
    attention_dropout: float,
    steps: Steps,
) -> Tensor:
    """An encoder layer by those steps."""

    def attention(x: Tensor) -> Tensor:
        return through(
            x,
            part(weights, "attention"),
            heads,
            mask,
            lambda *inputs: steps.attend(*inputs, attention_dropout),
            steps.split,
            steps.merge,
        )

    def transform(x: Tensor) -> Tensor:
        inner, outer = (
            (weights[f"feed_forward.{name}.weight"], weights[f"feed_forward.{name}.bias"])
            for name in ("inner", "outer")
        )
        return functional.feed_forward(x, *inner, *outer, steps.activation)

    def norm(x: Tensor, name: str) -> Tensor:
        if not name:
            return x
        scale = part(weights, name)
        return steps.norm(x, scale["weight"], scale["bias"], steps.eps)

    def drop(x: Tensor, where: str, here: str) -> Tensor:
        return functional.dropout(x, hidden_dropout) if where == here else x

    def add(residual: Tensor | None, x: Tensor, name: str, where: str) -> Tensor:
        x = drop(x, where, "before")
        total = drop(x if residual is None else residual + x, where, "sum")
        return drop(total if steps.normalise_first else norm(total, name), where, "norm")

    entering = norm(hidden, steps.first_norm) if steps.normalise_first else hidden
    attended = attention(entering)
    first = add(
        hidden if steps.first_residual else None, attended, steps.first_norm, steps.drop_attended
    )
    between = norm(first, steps.second_norm) if steps.normalise_first else first
    residuals = {"normalised": first, "input": hidden, "attended": attended, "none": None}
    return add(
        residuals[steps.second_residual],
        transform(hidden if steps.parallel else between),
        steps.second_norm,
        steps.drop_transformed,
    )


def part(weights: Weights, name: str) -> Weights:
    """The weights below a name, without it."""
    return {
        key.removeprefix(f"{name}."): weight
        for key, weight in weights.items()
        if key.startswith(f"{name}.")
    }


def gelu_probes(generator: Generator) -> list[Probe]:
    """Where it bends, where it is straight, and its slope."""
    rows, columns = sizes(generator, 2)
    line = torch.linspace(-4, 4, 17, dtype=torch.float64)
    return [
        Probe("from -4 to 4", (line,), gradients=(0,)),
        Probe("a matrix", (normal(generator, rows, columns),), gradients=(0,)),
        Probe("float32", (normal(generator, rows, columns, dtype=torch.float32),)),
        Probe("far from zero", (normal(generator, rows, columns, deviation=30.0),)),
        Probe("a single number", (normal(generator),)),
    ]


def layer_norm_probes(generator: Generator) -> list[Probe]:
    """Weights that are not one, a large eps, a row without variance."""
    batch, size, width = sizes(generator, 3, low=3)
    x = normal(generator, batch, size, width, mean=3.0, deviation=2.0)
    scale = [
        normal(generator, width, mean=1.0, deviation=0.5),
        normal(generator, width),
    ]
    flat = x.clone()
    flat[0, 0] = 2.0
    cube = normal(generator, 3, 3, 3)
    single = [one.float() for one in (x, *scale)]
    return [
        Probe("float64, with gradients", (x, *scale, EPS), gradients=(0, 1, 2)),
        Probe("float32", (*single, EPS)),
        Probe("a large eps", (x, *scale, 0.5), gradients=(0, 1, 2)),
        Probe("a row of equal numbers", (flat, *scale, 1e-3), gradients=(0, 1, 2)),
        Probe("small numbers", (1e-3 * x, *scale, 1e-5)),
        Probe("one row", (x[0, 0], *scale, EPS)),
        Probe("all sizes the same", (cube, cube[0, 0] + 1, cube[1, 1], EPS)),
    ]


def dropout_probes(generator: Generator) -> list[Probe]:
    """Nothing dropped, everything dropped, and not just the share that p says."""
    rows, columns = sizes(generator, 2, low=4)
    x = normal(generator, rows, columns, mean=1.0)
    keep = holes(generator, rows, columns)
    nothing, everything = torch.zeros_like(keep), torch.ones_like(keep)
    return [
        Probe("p 0.1, with gradients", (x, 0.1, keep), gradients=(0,)),
        Probe("p 0.7", (x, 0.7, keep)),
        Probe("float32", (x.float(), 0.5, keep)),
        Probe("p 0", (x, 0.0, everything), gradients=(0,)),
        Probe("p 1", (x, 1.0, nothing), gradients=(0,)),
        Probe("p 0.5, but all kept", (x, 0.5, everything)),
        Probe("p 0.5, but none kept", (x, 0.5, nothing)),
    ]


def feed_forward_probes(generator: Generator) -> list[Probe]:
    """Biases that are not zero, and matrices that would fit the wrong way round."""
    batch, size, width, inner = sizes(generator, 4, low=3)
    wide, square = (
        list(drawing.linear(generator, "x", one, two, torch.float64).values())
        + list(drawing.linear(generator, "x", two, one, torch.float64).values())
        for one, two in ((width, inner), (width, width))
    )
    x = normal(generator, batch, size, width, deviation=2.0)
    everything = (0, 1, 2, 3, 4)
    return [
        Probe("float64, with gradients", (x, *wide), gradients=everything),
        Probe("float32", tuple(one.float() for one in (x, *wide))),
        Probe("as wide inside as outside", (x, *square), gradients=everything),
        Probe("one token", (x[0, 0], *wide)),
    ]


def encoder_layer_probes(generator: Generator) -> list[Probe]:
    """Both dropouts at 1, each by itself, and weights none of which is what it starts as."""
    batch, size, heads, width = sizes(generator, 4, high=7)
    weights = layer_weights(generator, heads * width, 9, torch.float64)
    single = layer_weights(generator, heads * width, 9, torch.float32)
    hidden = normal(generator, batch, size, heads * width)
    torn, empty = holes(generator, batch, 1, 1, size), holes(generator, batch, 1, 1, size)
    empty[0] = False
    given = (hidden, weights, heads)
    return [
        Probe("no mask, no dropout", (*given, None, 0.0, 0.0), gradients=(0,)),
        Probe("a mask with holes", (*given, torn, 0.0, 0.0), gradients=(0,)),
        Probe("hidden dropout 1", (*given, torn, 1.0, 0.0), gradients=(0,)),
        Probe("attention dropout 1", (*given, None, 0.0, 1.0), gradients=(0,)),
        Probe("both dropouts 1", (*given, None, 1.0, 1.0), gradients=(0,)),
        Probe("a sequence with no key left", (*given, empty, 0.0, 0.0)),
        Probe("float32", (hidden.float(), single, heads, torn, 0.0, 0.0)),
        Probe("hidden states near each other", (1e-5 * hidden, weights, heads, torn, 1.0, 0.0)),
    ]


def layer_weights(generator: Generator, width: int, inner: int, dtype: torch.dtype) -> Weights:
    """All weights of a layer, by the names that the library's module gives them."""
    attention = projections(generator, width, dtype)
    return {
        **{f"attention.{name}": weight for name, weight in attention.items()},
        **drawing.norm(generator, "attention_norm", width, dtype),
        **drawing.linear(generator, "feed_forward.inner", width, inner, dtype),
        **drawing.linear(generator, "feed_forward.outer", inner, width, dtype),
        **drawing.norm(generator, "output_norm", width, dtype),
    }


GELU_MISTAKES = (
    Mistake(
        "gelu-tanh",
        "the tanh approximation: the error function is asked for",
        functional.gelu_tanh,
    ),
    Mistake(
        "gelu-sigmoid",
        "x * sigmoid(1.702 x), another approximation",
        lambda x: x * torch.sigmoid(1.702 * x),
    ),
    Mistake("gelu-silu", "x * sigmoid(x): that is SiLU", torch_functional.silu),
    Mistake("gelu-relu", "ReLU", torch.relu),
    Mistake("gelu-without-half", "no factor 1/2", lambda x: 2 * functional.gelu(x)),
    Mistake(
        "gelu-without-root",
        "erf(x) for erf(x / sqrt(2))",
        lambda x: 0.5 * x * (1 + torch.erf(x)),
    ),
    Mistake(
        "gelu-divided-by-two",
        "erf(x / 2) for erf(x / sqrt(2))",
        lambda x: 0.5 * x * (1 + torch.erf(x / 2)),
    ),
    Mistake(
        "gelu-times-root",
        "erf(x * sqrt(2)) for erf(x / sqrt(2))",
        lambda x: 0.5 * x * (1 + torch.erf(x * math.sqrt(2))),
    ),
    Mistake(
        "gelu-wrong-sign",
        "1 - erf for 1 + erf: the chance of being above x",
        lambda x: 0.5 * x * (1 - torch.erf(x / math.sqrt(2))),
    ),
    Mistake(
        "gelu-chance-only",
        "the chance alone, not multiplied by x",
        lambda x: 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    ),
    Mistake(
        "gelu-without-one",
        "no 1 before erf",
        lambda x: 0.5 * x * torch.erf(x / math.sqrt(2)),
    ),
    Mistake(
        "gelu-density",
        "the normal density for the chance of being below x",
        lambda x: x * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
    ),
)


def normalised(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dimensions: int | tuple[int, ...] = -1,
    correction: int = 0,
) -> Tensor:
    """LayerNorm over other dimensions, or with another divisor."""
    if x.ndim == 1:
        dimensions = -1
    variance, mean = torch.var_mean(x, dimensions, correction=correction, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


def centred(x: Tensor) -> tuple[Tensor, Tensor]:
    """x minus its mean, and the variance, over the last dimension."""
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return x - mean, variance


LAYER_NORM_MISTAKES = (
    Mistake(
        "norm-unbiased",
        "a variance divided by D - 1, torch's default: divide by D",
        lambda x, weight, bias, eps: normalised(x, weight, bias, eps, correction=1),
    ),
    Mistake(
        "norm-eps-outside-root",
        "eps added to the standard deviation: it belongs to the variance, below the root",
        lambda x, weight, bias, eps: centred(x)[0] / (centred(x)[1].sqrt() + eps) * weight + bias,
    ),
    Mistake(
        "norm-unbiased-eps-outside-root",
        "x.std(), which divides by D - 1, and eps outside the root",
        lambda x, weight, bias, eps: (
            centred(x)[0] / (x.std(-1, keepdim=True) + eps) * weight + bias
        ),
    ),
    Mistake(
        "norm-without-eps",
        "no eps: 0 / 0 in a row of equal numbers",
        lambda x, weight, bias, eps: normalised(x, weight, bias, 0.0),
    ),
    Mistake(
        "norm-eps-added-afterwards",
        "eps added after the division",
        lambda x, weight, bias, eps: normalised(x, weight, bias, 0.0) + eps,
    ),
    Mistake(
        "norm-fixed-eps",
        "1e-5, torch's default, whatever eps is",
        lambda x, weight, bias, eps: normalised(x, weight, bias, 1e-5),
    ),
    Mistake(
        "norm-by-variance",
        "a division by the variance, without the root",
        lambda x, weight, bias, eps: centred(x)[0] / (centred(x)[1] + eps) * weight + bias,
    ),
    Mistake(
        "norm-root-of-deviation",
        "the root of the standard deviation: one root too many",
        lambda x, weight, bias, eps: (
            centred(x)[0] / (centred(x)[1].sqrt() + eps).sqrt() * weight + bias
        ),
    ),
    Mistake(
        "norm-without-mean",
        "the mean not subtracted",
        lambda x, weight, bias, eps: x / (centred(x)[1] + eps).sqrt() * weight + bias,
    ),
    Mistake(
        "norm-root-mean-square",
        "the root of the mean square, about 0 and not about the mean: that is RMSNorm",
        lambda x, weight, bias, eps: (
            x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias
        ),
    ),
    Mistake(
        "norm-centred-only",
        "no division at all",
        lambda x, weight, bias, eps: centred(x)[0] * weight + bias,
    ),
    Mistake(
        "norm-weight-and-bias-exchanged",
        "weight and bias exchanged",
        lambda x, weight, bias, eps: functional.layer_norm(x, bias, weight, eps),
    ),
    Mistake(
        "norm-without-weight",
        "no weight",
        lambda x, weight, bias, eps: functional.layer_norm(x, weight / weight, bias, eps),
    ),
    Mistake(
        "norm-without-bias",
        "no bias",
        lambda x, weight, bias, eps: functional.layer_norm(x, weight, 0 * bias, eps),
    ),
    Mistake(
        "norm-bias-first",
        "the bias added before the multiplication by the weight",
        lambda x, weight, bias, eps: functional.layer_norm(x, weight, bias * weight, eps),
    ),
    Mistake(
        "norm-over-batch",
        "mean and variance over the batch, the first dimension: that is a batch norm",
        lambda x, weight, bias, eps: normalised(x, weight, bias, eps, 0),
    ),
    Mistake(
        "norm-over-sequence",
        "mean and variance over the tokens, the last dimension but one",
        lambda x, weight, bias, eps: normalised(x, weight, bias, eps, -2),
    ),
    Mistake(
        "norm-over-sequence-and-width",
        "one mean and variance for a whole sequence: every token has its own",
        lambda x, weight, bias, eps: normalised(x, weight, bias, eps, (-2, -1)),
    ),
    Mistake(
        "norm-over-everything",
        "one mean and variance for all numbers",
        lambda x, weight, bias, eps: normalised(x, weight, bias, eps, tuple(range(x.ndim))),
    ),
    Mistake(
        "norm-constant-statistics",
        "mean and variance that no gradient passes through",
        lambda x, weight, bias, eps: (
            (x - x.mean(-1, keepdim=True).detach()) / (centred(x)[1].detach() + eps).sqrt() * weight
            + bias
        ),
    ),
)

DROPOUT_MISTAKES = (
    Mistake(
        "dropout-not-scaled",
        "no division by 1 - p: the expectation shrinks",
        lambda x, p, keep: x * keep,
    ),
    Mistake(
        "dropout-divided-by-p",
        "a division by p, the share that is dropped",
        lambda x, p, keep: x * keep / p if p else x * keep,
    ),
    Mistake(
        "dropout-multiplied",
        "a multiplication by 1 - p, not a division",
        lambda x, p, keep: x * keep * (1 - p),
    ),
    Mistake(
        "dropout-nan",
        "0 / 0 where p is 1",
        lambda x, p, keep: x * keep / torch.tensor(1 - p, dtype=x.dtype),
    ),
    Mistake(
        "dropout-division-by-zero",
        "a division by 1 - p, which raises an error where p is 1",
        lambda x, p, keep: x * keep * (1 / (1 - p)),
    ),
    Mistake(
        "dropout-inverted",
        "the mask inverted: True means keep",
        lambda x, p, keep: dropout(x, p, ~keep),
    ),
    Mistake(
        "dropout-in-place",
        "the caller's own tensor overwritten",
        lambda x, p, keep: x.mul_(dropout(torch.ones_like(x), p, keep)),
    ),
    Mistake("dropout-nothing-dropped", "nothing dropped", lambda x, p, keep: x.clone()),
    Mistake(
        "dropout-everything-scaled",
        "all elements divided, and none dropped",
        lambda x, p, keep: dropout(x, p, torch.ones_like(keep)),
    ),
    Mistake(
        "dropout-by-share-kept",
        "a division by the share that happened to be kept: it is 1 - p, whatever was drawn",
        lambda x, p, keep: x * keep / keep.double().mean().clamp(min=1e-9).to(x.dtype),
    ),
    Mistake(
        "dropout-elements-removed",
        "the kept elements alone, in a row: the others become zeros",
        lambda x, p, keep: x[keep] / max(1 - p, 1e-9),
    ),
    Mistake(
        "dropout-dropped-ones-kept",
        "the dropped elements left as they are, and the kept ones scaled",
        lambda x, p, keep: torch.where(keep, dropout(x, p, keep), x),
    ),
)


def linear(x: Tensor, weight: Tensor, bias: Tensor | float) -> Tensor:
    """x @ weight^T + bias"""
    return x @ weight.mT + bias


def activated(activation: Activation) -> Callable[..., Tensor]:
    """A feed-forward network with another activation."""
    return lambda x, inner, inner_bias, outer, outer_bias: functional.feed_forward(
        x, inner, inner_bias, outer, outer_bias, activation
    )


gelu = functional.gelu

FEED_FORWARD_MISTAKES = (
    Mistake(
        "feed-forward-relu",
        "ReLU, as in the first Transformer: BERT has GELU",
        activated(torch.relu),
    ),
    Mistake(
        "feed-forward-tanh-gelu",
        "the tanh approximation of GELU",
        activated(functional.gelu_tanh),
    ),
    Mistake(
        "feed-forward-silu",
        "SiLU: BERT has GELU",
        activated(torch_functional.silu),
    ),
    Mistake(
        "feed-forward-without-activation",
        "no activation between: two linear layers are then one",
        activated(lambda inner: inner),
    ),
    Mistake(
        "feed-forward-activation-last",
        "the activation after the second layer instead of between",
        lambda x, inner, inner_bias, outer, outer_bias: gelu(
            linear(linear(x, inner, inner_bias), outer, outer_bias)
        ),
    ),
    Mistake(
        "feed-forward-activation-first",
        "the activation before the first layer instead of between",
        lambda x, inner, inner_bias, outer, outer_bias: linear(
            linear(gelu(x), inner, inner_bias), outer, outer_bias
        ),
    ),
    Mistake(
        "feed-forward-activated-twice",
        "an activation after each layer: the second has none",
        lambda x, *weights: gelu(feed_forward(x, *weights)),
    ),
    Mistake(
        "feed-forward-activation-before-bias",
        "the inner bias added after the activation",
        lambda x, inner, inner_bias, outer, outer_bias: linear(
            gelu(linear(x, inner, 0.0)) + inner_bias, outer, outer_bias
        ),
    ),
    Mistake(
        "feed-forward-not-transposed",
        "x @ weight: a linear layer keeps (out, in) and computes x @ weight^T + bias",
        lambda x, inner, inner_bias, outer, outer_bias: (
            gelu(x @ inner + inner_bias) @ outer + outer_bias
        ),
    ),
    Mistake(
        "feed-forward-without-inner-bias",
        "no inner bias",
        lambda x, inner, inner_bias, outer, outer_bias: linear(
            gelu(linear(x, inner, 0.0)), outer, outer_bias
        ),
    ),
    Mistake(
        "feed-forward-without-outer-bias",
        "no outer bias",
        lambda x, inner, inner_bias, outer, outer_bias: linear(
            gelu(linear(x, inner, inner_bias)), outer, 0.0
        ),
    ),
    Mistake(
        "feed-forward-without-biases",
        "no biases",
        lambda x, inner, inner_bias, outer, outer_bias: linear(
            gelu(linear(x, inner, 0.0)), outer, 0.0
        ),
    ),
    Mistake(
        "feed-forward-residual-added",
        "the input added to the result: that is the encoder layer's business",
        lambda x, *weights: x + feed_forward(x, *weights),
    ),
    Mistake(
        "feed-forward-layers-exchanged",
        "the outer layer first",
        lambda x, inner, inner_bias, outer, outer_bias: feed_forward(
            x, outer, outer_bias, inner, inner_bias
        ),
    ),
)


def stepping(steps: Steps) -> Callable[..., Tensor]:
    """An encoder layer by other steps."""
    return lambda hidden, weights, heads, mask, hidden_p, attention_p: layer(
        hidden, weights, heads, mask, hidden_p, attention_p, steps
    )


def undropped(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
    """Attention that knows no dropout."""
    return functional.scaled_dot_product_attention(query, key, value, mask)


def masked_with(shares: Callable[[Tensor, Tensor | None], Tensor]) -> Callable[..., Tensor]:
    """Attention with another softmax under the mask."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
        probs = shares(functional.attention_scores(query, key), mask)
        return functional.dropout(probs, p) @ value

    return attend


def unscaled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
    """Attention without the division by the root."""
    query = query * math.sqrt(query.shape[-1])
    return functional.scaled_dot_product_attention(query, key, value, mask, p)


def scores_dropped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float
) -> Tensor:
    """Dropout before the softmax."""
    scores = functional.dropout(functional.attention_scores(query, key), p)
    return functional.masked_softmax(scores, mask) @ value


def unmasked(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
    """Attention whose mask is forgotten."""
    return functional.scaled_dot_product_attention(query, key, value, None, p)


def inverted(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
    """Attention to what is masked."""
    turned = None if mask is None else ~mask
    return functional.scaled_dot_product_attention(query, key, value, turned, p)


def attention_dropped_whole(
    hidden: Tensor, weights: Weights, heads: int, mask: Tensor | None, hidden_p: float, p: float
) -> Tensor:
    """Attention's dropout on its output instead of its shares."""
    output = {f"attention.output.{name}": 1 - p for name in ("weight", "bias")}
    changed = {name: weight * output.get(name, 1.0) for name, weight in weights.items()}
    return layer(hidden, changed, heads, mask, hidden_p, 0.0, Steps())


ENCODER_LAYER_MISTAKES = (
    Mistake(
        "layer-pre-norm",
        "LayerNorm before each sublayer (pre-norm): BERT normalises the sums (post-norm)",
        stepping(Steps(normalise_first=True)),
        f"{PAGE}: Norm after or before?",
    ),
    Mistake(
        "layer-first-norm-twice",
        "the attention's LayerNorm in both places",
        stepping(Steps(second_norm="attention_norm")),
    ),
    Mistake(
        "layer-second-norm-twice",
        "the output's LayerNorm in both places",
        stepping(Steps(first_norm="output_norm")),
    ),
    Mistake(
        "layer-norms-exchanged",
        "the two LayerNorms exchanged",
        stepping(Steps(first_norm="output_norm", second_norm="attention_norm")),
    ),
    Mistake(
        "layer-without-first-norm",
        "no LayerNorm after the attention",
        stepping(Steps(first_norm="")),
    ),
    Mistake(
        "layer-without-second-norm",
        "no LayerNorm at the end",
        stepping(Steps(second_norm="")),
    ),
    Mistake(
        "layer-without-first-residual",
        "no sum with the input after the attention",
        stepping(Steps(first_residual=False)),
    ),
    Mistake(
        "layer-without-second-residual",
        "no sum with its input after the feed-forward network",
        stepping(Steps(second_residual="none")),
    ),
    Mistake(
        "layer-without-residuals",
        "no sums at all",
        stepping(Steps(first_residual=False, second_residual="none")),
    ),
    Mistake(
        "layer-residual-from-input",
        "the layer's input added at the end: what goes into the feed-forward network is added",
        stepping(Steps(second_residual="input")),
    ),
    Mistake(
        "layer-residual-from-attention",
        "the attention's bare output added at the end: its normalised sum is to be added",
        stepping(Steps(second_residual="attended")),
    ),
    Mistake(
        "layer-in-parallel",
        "the feed-forward network fed with the layer's input, beside the attention",
        stepping(Steps(parallel=True)),
    ),
    Mistake(
        "layer-without-first-hidden-dropout",
        "no hidden dropout after the attention",
        stepping(Steps(drop_attended="never")),
    ),
    Mistake(
        "layer-without-second-hidden-dropout",
        "no hidden dropout after the feed-forward network",
        stepping(Steps(drop_transformed="never")),
    ),
    Mistake(
        "layer-without-hidden-dropout",
        "no hidden dropout at all",
        stepping(Steps(drop_attended="never", drop_transformed="never")),
    ),
    Mistake(
        "layer-dropout-of-sums",
        "hidden dropout after the sums: the residual is never dropped",
        stepping(Steps(drop_attended="sum", drop_transformed="sum")),
    ),
    Mistake(
        "layer-dropout-after-norms",
        "hidden dropout after the LayerNorms",
        stepping(Steps(drop_attended="norm", drop_transformed="norm")),
    ),
    Mistake(
        "layer-without-attention-dropout",
        "no attention dropout",
        stepping(Steps(attend=undropped)),
    ),
    Mistake(
        "layer-without-dropout",
        "no dropout at all",
        stepping(Steps(attend=undropped, drop_attended="never", drop_transformed="never")),
    ),
    Mistake(
        "layer-dropout-before-softmax",
        "attention dropout before the softmax: scores of 0 are shares like any others",
        stepping(Steps(attend=scores_dropped)),
    ),
    Mistake(
        "layer-attention-dropout-of-output",
        "attention dropout on the output of the attention: it is for the shares",
        attention_dropped_whole,
    ),
    Mistake(
        "layer-dropouts-exchanged",
        "the two dropouts exchanged",
        lambda hidden, weights, heads, mask, hidden_p, attention_p: encoder_layer(
            hidden, weights, heads, mask, attention_p, hidden_p
        ),
    ),
    Mistake("layer-mask-ignored", "no mask at all", stepping(Steps(attend=unmasked))),
    Mistake(
        "layer-mask-inverted",
        "the mask inverted: True means attend",
        stepping(Steps(attend=inverted)),
    ),
    Mistake(
        "layer-nan-rows",
        "NaN where no key is left",
        stepping(Steps(attend=masked_with(lambda scores, mask: filled(scores, mask, -math.inf)))),
    ),
    Mistake(
        "layer-uniform-rows",
        "the mean of all values where no key is left: zeros are asked for",
        stepping(Steps(attend=masked_with(lambda scores, mask: filled(scores, mask, -1e30)))),
    ),
    Mistake(
        "layer-mask-after-softmax",
        "the mask applied after the softmax",
        stepping(Steps(attend=masked_with(masked_afterwards))),
    ),
    Mistake(
        "layer-without-scale",
        "scores not divided by the root of the width",
        stepping(Steps(attend=unscaled)),
    ),
    Mistake(
        "layer-heads-by-view",
        "a view where heads are cut out: it mixes tokens and heads",
        stepping(Steps(split=cut_by_view)),
    ),
    Mistake(
        "layer-merged-by-view",
        "a view where heads are laid side by side, without the transposition",
        stepping(Steps(merge=merged_by_view)),
    ),
    Mistake(
        "layer-unbiased-norm",
        "LayerNorms whose variance is divided by D - 1",
        stepping(
            Steps(norm=lambda x, weight, bias, eps: normalised(x, weight, bias, eps, correction=1))
        ),
    ),
    Mistake(
        "layer-torch-eps",
        "eps 1e-5, torch's default: BERT's is 1e-12",
        stepping(Steps(eps=1e-5)),
    ),
    Mistake("layer-relu", "ReLU: BERT has GELU", stepping(Steps(activation=torch.relu))),
    Mistake(
        "layer-tanh-gelu",
        "the tanh approximation of GELU",
        stepping(Steps(activation=functional.gelu_tanh)),
    ),
    Mistake(
        "layer-one-head",
        "one head of the whole width",
        lambda hidden, weights, heads, *others: encoder_layer(hidden, weights, 1, *others),
    ),
)

EXERCISES = (
    Exercise(
        name="gelu",
        title="The activation",
        points=2,
        difficulty=1,
        minutes=5,
        reference=functional.gelu,
        probes=gelu_probes,
        hints=(
            "The chance that a standard normal number is below x is "
            "(1 + erf(x / sqrt(2))) / 2; torch.erf computes erf.",
            "GELU is x times that chance: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))).",
        ),
        page=f"{PAGE}: GELU",
        mistakes=GELU_MISTAKES,
        forbidden=("minibert.model.functional.gelu", "aten.gelu"),
    ),
    Exercise(
        name="layer_norm",
        title="LayerNorm",
        points=3,
        difficulty=2,
        minutes=10,
        reference=functional.layer_norm,
        probes=layer_norm_probes,
        hints=(
            "Mean and variance over the last dimension only, with keepdim=True.",
            "The variance is the mean of (x - mean)**2: torch's var divides by D - 1 unless told "
            "correction=0.",
            "eps belongs under the root, with the variance; weight and bias come last.",
        ),
        page=f"{PAGE}: LayerNorm",
        mistakes=LAYER_NORM_MISTAKES,
        forbidden=("minibert.model.functional.layer_norm", "aten.native_layer_norm"),
    ),
    Exercise(
        name="dropout",
        title="Dropout",
        points=2,
        difficulty=1,
        minutes=6,
        reference=dropout,
        probes=dropout_probes,
        hints=(
            "What is dropped is drawn already: `keep`. What is kept grows, so that the expectation "
            "stays x.",
            "A kept element is divided by 1 - p. If p is 1 nothing is kept, and there is nothing "
            "to divide: return zeros.",
        ),
        page=f"{PAGE}: Dropout",
        mistakes=DROPOUT_MISTAKES,
        forbidden=("minibert.model.functional.dropout", "aten.native_dropout"),
    ),
    Exercise(
        name="feed_forward",
        title="Two linear layers and what stands between",
        points=2,
        difficulty=1,
        minutes=6,
        reference=feed_forward,
        probes=feed_forward_probes,
        hints=(
            "A linear layer keeps its weight as (out, in): x @ weight.T + bias.",
            "Your gelu goes between the two layers, and nowhere else.",
        ),
        page=f"{PAGE}: Feed-forward: each word by itself",
        mistakes=FEED_FORWARD_MISTAKES,
        forbidden=("minibert.model.functional.feed_forward",),
    ),
    Exercise(
        name="encoder_layer",
        title="All of it: one encoder layer",
        points=6,
        difficulty=4,
        minutes=25,
        reference=encoder_layer,
        probes=encoder_layer_probes,
        hints=(
            "Twice the same: sublayer, dropout, sum with what went into it, LayerNorm. First for "
            "attention, then for the feed-forward network.",
            "Attention dropout is for the shares, after the softmax. With a dropout of 1 all that "
            "it is applied to becomes 0, and with 0 nothing happens to it.",
            "first = norm(hidden + drop(attention(hidden))); "
            "second = norm(first + drop(feed_forward(first))), each norm with weights of its own "
            "and eps 1e-12.",
        ),
        page=f"{PAGE}: The layer from its parts",
        mistakes=ENCODER_LAYER_MISTAKES,
        forbidden=("aten.transformer_encoder_layer_forward",),
        tolerance=1e-7,
    ),
)
