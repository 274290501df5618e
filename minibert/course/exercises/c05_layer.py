"""Chapter 5: what else is in an encoder layer, and all of it together."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from minibert.course import drawing
from minibert.course.drawing import holes, normal, sizes
from minibert.course.exercise import Exercise, Probe
from minibert.course.exercises.c04_heads import Weights, projections, through
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
        forbidden=("aten.transformer_encoder_layer_forward",),
        tolerance=1e-7,
    ),
)
