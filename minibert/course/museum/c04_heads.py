"""What goes wrong in chapter 4: the mistakes that people make in its exercises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from minibert.course.exercise import Mistake
from minibert.course.exercises.c04_heads import Attend, Weights, padding_mask, through
from minibert.model import functional
from minibert.model.functional import merge_heads, split_heads

# Wrong ways to cut and to lay side by side ------------------------------------


def cut_by_view(x: Tensor, heads: int) -> Tensor:
    """A view in the wanted shape, which mixes tokens and heads."""
    batch, size, hidden = x.shape
    return x.reshape(batch, heads, size, hidden // heads)


def interleaved(x: Tensor, heads: int) -> Tensor:
    """Head h gets dimensions h, h + H, h + 2H and so on."""
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


def merged_by_view(x: Tensor) -> Tensor:
    """A view in the wanted shape, which mixes tokens and heads."""
    batch, heads, size, width = x.shape
    return x.reshape(batch, size, heads * width)


SPLIT_MISTAKES = (
    Mistake(
        "split-by-view",
        "a view straight to (B, H, S, W): it mixes tokens and heads; cut the last dimension first, "
        "then transpose",
        cut_by_view,
    ),
    Mistake(
        "split-interleaved",
        "every H-th dimension for a head: each gets W that stand side by side",
        interleaved,
    ),
    Mistake(
        "split-not-transposed",
        "(B, S, H, W): the transposition is missing",
        lambda x, heads: x.unflatten(-1, (heads, -1)),
    ),
    Mistake(
        "split-into-widths",
        "H and W exchanged: as many heads as there should be dimensions in each",
        lambda x, heads: x.unflatten(-1, (-1, heads)).transpose(1, 2),
    ),
    Mistake(
        "split-as-keys",
        "(B, H, W, S): tokens and width exchanged",
        lambda x, heads: split_heads(x, heads).mT,
    ),
    Mistake(
        "split-width-as-tokens",
        "a view to (B, H, S, W) after a transposition of tokens and width",
        lambda x, heads: cut_by_view(x.mT.reshape(x.shape), heads),
    ),
    Mistake(
        "split-heads-first",
        "(H, B, S, W): heads in front of sequences",
        lambda x, heads: split_heads(x, heads).transpose(0, 1),
    ),
    Mistake(
        "split-into-batch",
        "heads and sequences in one dimension, (B * H, S, W)",
        lambda x, heads: split_heads(x, heads).flatten(0, 1),
    ),
    Mistake(
        "split-backwards",
        "the heads in reverse order",
        lambda x, heads: split_heads(x, heads).flip(1),
    ),
    Mistake(
        "split-tokens",
        "the tokens shared among the heads, not the dimensions",
        lambda x, heads: torch.stack(x.tensor_split(heads, 1), 1),
    ),
)

MERGE_MISTAKES = (
    Mistake(
        "merge-by-view",
        "a view straight to (B, S, D): it mixes tokens and heads; transpose first",
        merged_by_view,
    ),
    Mistake(
        "merge-interleaved",
        "the heads' first dimensions side by side, then their second ones",
        lambda x: x.permute(0, 2, 3, 1).flatten(2),
    ),
    Mistake(
        "merge-width-before-tokens",
        "the last two dimensions exchanged, in place of heads and tokens, before the view",
        lambda x: merged_by_view(x.mT),
    ),
    Mistake("merge-mean", "the mean of the heads: they stand side by side", lambda x: x.mean(1)),
    Mistake("merge-sum", "the sum of the heads: they stand side by side", lambda x: x.sum(1)),
    Mistake(
        "merge-backwards",
        "the heads in reverse order",
        lambda x: merge_heads(x.flip(1)),
    ),
    Mistake(
        "merge-one-after-another",
        "the heads one below the other, (B, H * S, W)",
        lambda x: x.flatten(1, 2),
    ),
    Mistake(
        "merge-not-flattened",
        "(B, S, H, W): heads and width are still two dimensions",
        lambda x: x.transpose(1, 2),
    ),
    Mistake(
        "merge-view-of-transposed",
        "view of a transposed tensor, whose memory is in another order: it raises an error",
        lambda x: x.transpose(1, 2).view(x.shape[0], x.shape[2], -1),
    ),
    Mistake("merge-first-head", "the first head only", lambda x: x[:, 0]),
)

PADDING_MASK_MISTAKES = (
    Mistake(
        "padding-inverted",
        "True for padding: True means attend",
        lambda lengths, size: ~padding_mask(lengths, size),
    ),
    Mistake(
        "padding-one-too-many",
        "one place too many: places count from 0, so they are below the length",
        lambda lengths, size: padding_mask(lengths + 1, size),
    ),
    Mistake(
        "padding-one-too-few",
        "one place too few",
        lambda lengths, size: padding_mask(lengths - 1, size),
    ),
    Mistake(
        "padding-on-the-left",
        "padding in front of the tokens",
        lambda lengths, size: padding_mask(lengths, size).flip(-1),
    ),
    Mistake(
        "padding-two-dimensions",
        "(B, S): it would be laid over the last two dimensions of the scores, or not fit at all",
        lambda lengths, size: padding_mask(lengths, size)[:, 0, 0],
    ),
    Mistake(
        "padding-three-dimensions",
        "(B, 1, S): the sequences would be taken for heads",
        lambda lengths, size: padding_mask(lengths, size)[:, 0],
    ),
    Mistake(
        "padding-of-queries",
        "(B, 1, S, 1): queries masked, not keys",
        lambda lengths, size: padding_mask(lengths, size).mT,
    ),
    Mistake(
        "padding-of-both",
        "(B, 1, S, S): queries masked as well as keys",
        lambda lengths, size: padding_mask(lengths, size) & padding_mask(lengths, size).mT,
    ),
    Mistake(
        "padding-to-longest",
        "as many places as the longest sequence has tokens, not `size`",
        lambda lengths, size: padding_mask(lengths, int(lengths.max())),
    ),
    Mistake(
        "padding-whole-numbers",
        "1 and 0: True and False are asked for",
        lambda lengths, size: padding_mask(lengths, size).long(),
    ),
    Mistake(
        "padding-additive",
        "0 and -10000, to be added to the scores: True and False are asked for",
        lambda lengths, size: -10000.0 * ~padding_mask(lengths, size),
    ),
    Mistake(
        "padding-causal",
        "a mask of what lies behind: BERT looks both ways",
        lambda lengths, size: (
            padding_mask(lengths, size) & torch.ones(size, size, dtype=torch.bool).tril()
        ),
    ),
)

# Wrong self-attentions --------------------------------------------------------


def transposed(weights: Weights) -> Weights:
    """Every matrix the wrong way round."""
    return {name: weight.mT if weight.ndim == 2 else weight for name, weight in weights.items()}


def unbiased(weights: Weights, only: str = "") -> Weights:
    """Without biases."""
    return {
        name: torch.zeros_like(weight) if name.endswith("bias") and only in name else weight
        for name, weight in weights.items()
    }


def exchanged(weights: Weights, one: str, other: str) -> Weights:
    """What is called `one` for `other`, and the reverse."""
    names = {one: other, other: one}
    return {
        ".".join([names.get(name.split(".")[0], name.split(".")[0]), name.split(".")[1]]): weight
        for name, weight in weights.items()
    }


def without(weights: Weights, name: str) -> Weights:
    """A linear layer that changes nothing."""
    weight = weights[f"{name}.weight"]
    eye = torch.eye(len(weight), dtype=weight.dtype)
    return weights | {f"{name}.weight": eye, f"{name}.bias": torch.zeros_like(weight[0])}


def copied(weights: Weights, source: str, *targets: str) -> Weights:
    """One linear layer in the place of others."""
    return weights | {
        f"{target}.{part}": weights[f"{source}.{part}"]
        for target in targets
        for part in ("weight", "bias")
    }


def multiplied(factor: Callable[[Tensor], float]) -> Attend:
    """Attention whose scores are multiplied by what `factor` says of the query."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        return functional.scaled_dot_product_attention(factor(query) * query, key, value, mask)

    return attend


def masked_by(change: Callable[[Tensor, Tensor], Tensor]) -> Attend:
    """Attention whose shares are what `change` makes of scores and mask."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        scores = functional.attention_scores(query, key)
        return (torch.softmax(scores, -1) if mask is None else change(scores, mask)) @ value

    return attend


def stepping(
    attend: Attend = functional.scaled_dot_product_attention,
    split: Callable[[Tensor, int], Tensor] = split_heads,
    merge: Callable[[Tensor], Tensor] = merge_heads,
) -> Callable[[Tensor, Weights, int, Tensor | None], Tensor]:
    """Self-attention one of whose steps is another."""
    return lambda hidden, weights, heads, mask: through(
        hidden, weights, heads, mask, attend, split, merge
    )


def weighing(
    change: Callable[[Weights], Weights],
) -> Callable[[Tensor, Weights, int, Tensor | None], Tensor]:
    """Self-attention with other weights."""
    return lambda hidden, weights, heads, mask: through(hidden, change(weights), heads, mask)


SELF_ATTENTION_MISTAKES = (
    Mistake(
        "self-weights-not-transposed",
        "hidden @ weight: a linear layer keeps (out, in) and computes hidden @ weight^T + bias",
        weighing(transposed),
    ),
    Mistake("self-without-biases", "no biases", weighing(unbiased)),
    Mistake(
        "self-without-output-bias",
        "no bias of the output",
        weighing(lambda weights: unbiased(weights, "output")),
    ),
    Mistake(
        "self-without-output",
        "no output projection after the heads",
        weighing(lambda weights: without(weights, "output")),
    ),
    Mistake(
        "self-without-value",
        "the hidden states themselves for values: they are projected as well",
        weighing(lambda weights: without(weights, "value")),
    ),
    Mistake(
        "self-query-and-key-exchanged",
        "query and key exchanged",
        weighing(lambda weights: exchanged(weights, "query", "key")),
    ),
    Mistake(
        "self-key-and-value-exchanged",
        "key and value exchanged",
        weighing(lambda weights: exchanged(weights, "key", "value")),
    ),
    Mistake(
        "self-value-and-output-exchanged",
        "value and output exchanged",
        weighing(lambda weights: exchanged(weights, "value", "output")),
    ),
    Mistake(
        "self-query-for-all",
        "the query's weights for key and value as well",
        weighing(lambda weights: copied(weights, "query", "key", "value")),
    ),
    Mistake(
        "self-query-for-key",
        "the query's weights for the key as well",
        weighing(lambda weights: copied(weights, "query", "key")),
    ),
    Mistake(
        "self-heads-by-view",
        "a view where heads are cut out: it mixes tokens and heads",
        stepping(split=cut_by_view),
    ),
    Mistake(
        "self-merged-by-view",
        "a view where heads are laid side by side, without the transposition",
        stepping(merge=merged_by_view),
    ),
    Mistake(
        "self-views-only",
        "views for both, cutting and merging: tokens and heads are mixed",
        stepping(split=cut_by_view, merge=merged_by_view),
    ),
    Mistake(
        "self-heads-interleaved",
        "every H-th dimension for a head",
        stepping(split=interleaved),
    ),
    Mistake(
        "self-one-head",
        "one head of the whole width",
        lambda hidden, weights, heads, mask: through(hidden, weights, 1, mask),
    ),
    Mistake(
        "self-without-scale",
        "no division by the root of the width",
        stepping(multiplied(lambda query: math.sqrt(query.shape[-1]))),
    ),
    Mistake(
        "self-by-width",
        "scores divided by the width, not by its root",
        stepping(multiplied(lambda query: 1 / math.sqrt(query.shape[-1]))),
    ),
    Mistake(
        "self-by-hidden-width",
        "the root of D, the width of all heads together: that of one head's width W is meant",
        stepping(multiplied(lambda query: 1 / math.sqrt(query.shape[1]))),
    ),
    Mistake(
        "self-by-heads",
        "scores divided by the root of the number of heads: that of the width W is meant",
        stepping(multiplied(lambda query: math.sqrt(query.shape[-1] / query.shape[1]))),
    ),
    Mistake(
        "self-mask-inverted",
        "the mask inverted: True means attend",
        stepping(masked_by(lambda scores, mask: functional.masked_softmax(scores, ~mask))),
    ),
    Mistake(
        "self-mask-ignored",
        "no mask at all",
        stepping(masked_by(lambda scores, mask: torch.softmax(scores, -1))),
    ),
    Mistake(
        "self-mask-after-softmax",
        "the mask applied after the softmax",
        stepping(masked_by(lambda scores, mask: torch.softmax(scores, -1) * mask)),
    ),
    Mistake(
        "self-mask-of-queries",
        "the mask laid over the queries: it is for the keys",
        stepping(masked_by(lambda scores, mask: functional.masked_softmax(scores, mask.mT))),
    ),
    Mistake(
        "self-nan-rows",
        "NaN where no key is left",
        stepping(
            masked_by(lambda scores, mask: torch.softmax(scores.masked_fill(~mask, -math.inf), -1))
        ),
    ),
    Mistake(
        "self-uniform-rows",
        "the mean of all values where no key is left: zeros are asked for",
        stepping(
            masked_by(lambda scores, mask: torch.softmax(scores.masked_fill(~mask, -1e30), -1))
        ),
    ),
    Mistake(
        "self-zero-scores",
        "scores of 0 under the mask: exp(0) is 1, not 0",
        stepping(masked_by(lambda scores, mask: torch.softmax(scores * mask, -1))),
    ),
    Mistake(
        "self-low-number-added",
        "-10000 or -1e9 added under the mask: where no key is left, all of them sink alike",
        stepping(masked_by(lambda scores, mask: torch.softmax(scores - 1e9 * ~mask, -1))),
    ),
    Mistake(
        "self-residual-added",
        "the input added to the result: that is the encoder layer's business",
        lambda hidden, weights, heads, mask: hidden + through(hidden, weights, heads, mask),
    ),
)

MISTAKES = {
    "split_heads": SPLIT_MISTAKES,
    "merge_heads": MERGE_MISTAKES,
    "padding_mask": PADDING_MASK_MISTAKES,
    "self_attention": SELF_ATTENTION_MISTAKES,
}
