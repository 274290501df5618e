"""What goes wrong in chapter 5: the mistakes that people make in its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.course.exercise import Mistake
from minibert.course.exercises.c04_heads import Weights
from minibert.course.exercises.c05_layer import (
    PAGE,
    Activation,
    Steps,
    dropout,
    encoder_layer,
    feed_forward,
    layer,
)
from minibert.course.museum.c03_attention import filled, masked_afterwards
from minibert.course.museum.c04_heads import cut_by_view, merged_by_view
from minibert.model import functional

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

MISTAKES = {
    "gelu": GELU_MISTAKES,
    "layer_norm": LAYER_NORM_MISTAKES,
    "dropout": DROPOUT_MISTAKES,
    "feed_forward": FEED_FORWARD_MISTAKES,
    "encoder_layer": ENCODER_LAYER_MISTAKES,
}
