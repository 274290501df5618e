"""What goes wrong in chapter 3: the mistakes that people make in its exercises."""

import math

import torch
from torch import Tensor

from minibert.course.exercise import Mistake
from minibert.course.exercises.c03_attention import PAGE, softmax_gradient
from minibert.model import functional

# Wrong softmaxes under a mask -------------------------------------------------


def filled(scores: Tensor, mask: Tensor | None, number: float, dimension: int = -1) -> Tensor:
    """The softmax of scores in which `number` stands where nothing may be attended to."""
    if mask is not None:
        scores = scores.masked_fill(~mask.bool(), number)
    return torch.softmax(scores, dimension)


def added(scores: Tensor, mask: Tensor | None, number: float) -> Tensor:
    """The softmax of scores to which `number` is added where nothing may be attended to."""
    return torch.softmax(scores if mask is None else scores + number * ~mask.bool(), -1)


def masked_afterwards(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax over all keys, then zeros."""
    probs = torch.softmax(scores, -1)
    return probs if mask is None else probs * mask


def renormalised(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax over all keys, then zeros, then a division by what is left."""
    probs = masked_afterwards(scores, mask)
    return probs / probs.sum(-1, keepdim=True)


def without_maximum(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The formula as it is written, which overflows."""
    powers = scores.exp() if mask is None else scores.exp() * mask
    sums = powers.sum(-1, keepdim=True)
    return powers / sums.masked_fill(sums == 0, 1.0)


def inverted(mask: Tensor | None) -> Tensor | None:
    """A mask that says False where it should say True."""
    return None if mask is None else ~mask.bool()


def not_of_whole_numbers(scores: Tensor, mask: Tensor | None) -> Tensor:
    """What `~` does to 1 and 0: -2 and -1, of which neither is False."""
    if mask is None:
        return torch.softmax(scores, -1)
    hidden = (~mask).bool()
    return filled(scores, ~hidden, -math.inf).masked_fill(hidden, 0.0)


def over(scores: Tensor, mask: Tensor | None, dimension: int) -> Tensor:
    """A softmax over another dimension, with zeros where nothing may be attended to."""
    probs = filled(scores, mask, torch.finfo(scores.dtype).min, dimension)
    return probs if mask is None else probs.masked_fill(~mask.bool(), 0.0)


def of_queries(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The mask laid over the queries instead of the keys."""
    turned = None if mask is None else mask.transpose(-1, -2)
    return functional.masked_softmax(scores, turned)


# Wrong attentions -------------------------------------------------------------


def scaled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, factor: float) -> Tensor:
    """Attention whose scores are multiplied by a factor more."""
    return functional.scaled_dot_product_attention(factor * query, key, value, mask)


def softened(query: Tensor, key: Tensor, mask: Tensor | None, dimension: int = -1) -> Tensor:
    """Probabilities that are taken over another dimension."""
    return over(functional.attention_scores(query, key), mask, dimension)


def unsoftened(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Scores for probabilities."""
    scores = functional.attention_scores(query, key)
    return (scores if mask is None else scores * mask) @ value


def scaled_afterwards(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The root divides the probabilities instead of the scores."""
    probs = functional.masked_softmax(query @ key.transpose(-2, -1), mask)
    return probs / math.sqrt(query.shape[-1]) @ value


attention = functional.scaled_dot_product_attention

SCORES_MISTAKES = (
    Mistake(
        "scores-without-scale",
        "no division by the root of the width",
        lambda query, key: query @ key.mT,
        f"{PAGE}: Scale: why the root of the width?",
    ),
    Mistake(
        "scores-by-width",
        "a division by the width, not by its root",
        lambda query, key: query @ key.mT / query.shape[-1],
        f"{PAGE}: Scale: why the root of the width?",
    ),
    Mistake(
        "scores-times-root",
        "a multiplication by the root of the width, not a division",
        lambda query, key: query @ key.mT * math.sqrt(query.shape[-1]),
    ),
    Mistake(
        "scores-scaled-twice",
        "query and key each divided by the root of the width, and the product once more",
        lambda query, key: functional.attention_scores(query, key) / query.shape[-1],
    ),
    Mistake(
        "scores-by-length",
        "the root of the number of tokens: that of the width W, the last size, is meant",
        lambda query, key: query @ key.mT / math.sqrt(query.shape[-2]),
    ),
    Mistake(
        "scores-by-heads",
        "the root of the number of heads: that of the width W, the last size, is meant",
        lambda query, key: query @ key.mT / math.sqrt(query.shape[1]),
    ),
    Mistake(
        "scores-by-hidden-width",
        "the root of D, the width of all heads together: that of one head's width W is meant",
        lambda query, key: query @ key.mT / math.sqrt(query.shape[1] * query.shape[-1]),
    ),
    Mistake(
        "scores-transposed",
        "key @ query^T: a row for each key, but one for each query is wanted",
        lambda query, key: functional.attention_scores(key, query),
    ),
    Mistake(
        "scores-of-dimensions",
        "query^T @ key: products between dimensions, summed over the tokens",
        lambda query, key: query.mT @ key / math.sqrt(query.shape[-1]),
    ),
    Mistake(
        "scores-across-heads",
        "dimension 1 and the last of the key exchanged, which mixes its heads with its tokens",
        lambda query, key: query @ key.transpose(1, -1) / math.sqrt(query.shape[-1]),
    ),
    Mistake(
        "scores-elementwise",
        "query * key, element by element: a product of matrices is wanted",
        lambda query, key: query * key / math.sqrt(query.shape[-1]),
    ),
    Mistake(
        "scores-softened",
        "a softmax of the scores already",
        lambda query, key: torch.softmax(functional.attention_scores(query, key), -1),
    ),
    Mistake(
        "scores-as-cosines",
        "cosines: the products divided by the vectors' lengths",
        lambda query, key: (
            query @ key.mT / (query.norm(dim=-1, keepdim=True) * key.norm(dim=-1, keepdim=True).mT)
        ),
    ),
)

MASKED_SOFTMAX_MISTAKES = (
    Mistake(
        "mask-after-softmax",
        "the mask applied after the softmax: rows no longer add up to one",
        masked_afterwards,
        f"{PAGE}: The mask: words that are not there",
    ),
    Mistake(
        "mask-renormalised",
        "the mask applied after the softmax and the rest divided by its sum: 0 / 0 where none is "
        "left, or where all of them had vanished beside a masked one",
        renormalised,
        f"{PAGE}: The mask: words that are not there",
    ),
    Mistake(
        "mask-inverted",
        "the mask inverted: True means attend",
        lambda scores, mask: functional.masked_softmax(scores, inverted(mask)),
    ),
    Mistake(
        "mask-ignored",
        "no mask at all",
        lambda scores, mask: torch.softmax(scores, -1),
    ),
    Mistake(
        "mask-nan-rows",
        "-inf in all places of a row where no key is left, which gives NaN",
        lambda scores, mask: filled(scores, mask, -math.inf),
        f"{PAGE}: The mask: words that are not there",
    ),
    Mistake(
        "mask-uniform-rows",
        "equal shares for all keys of a row where none is left: zeros are asked for",
        lambda scores, mask: filled(scores, mask, torch.finfo(scores.dtype).min),
        f"{PAGE}: The mask: words that are not there",
    ),
    Mistake(
        "mask-zero-scores",
        "scores of 0 under the mask: exp(0) is 1, not 0",
        lambda scores, mask: filled(scores, mask, 0.0),
    ),
    Mistake(
        "mask-minus-one",
        "scores of -1 under the mask: far too large to vanish",
        lambda scores, mask: filled(scores, mask, -1.0),
    ),
    Mistake(
        "mask-filled-with-minus-10000",
        "scores of -10000 under the mask: large scores lie below it, and a row of nothing else is "
        "shared equally",
        lambda scores, mask: filled(scores, mask, -10000.0),
    ),
    Mistake(
        "mask-added-minus-10000",
        "-10000 added under the mask: where no key is left, all of them sink alike",
        lambda scores, mask: added(scores, mask, -10000.0),
    ),
    Mistake(
        "mask-added-minus-a-billion",
        "-1e9 added under the mask: where no key is left, all of them sink alike",
        lambda scores, mask: added(scores, mask, -1e9),
    ),
    Mistake(
        "mask-subtracted-from-one",
        "1 - mask, which torch refuses for True and False: ~mask turns those round",
        lambda scores, mask: torch.softmax(
            scores if mask is None else scores + (1 - mask) * -1e9, -1
        ),
    ),
    Mistake(
        "mask-added-as-it-is",
        "the mask added to the scores as 0 and 1",
        lambda scores, mask: torch.softmax(scores if mask is None else scores + mask, -1),
    ),
    Mistake(
        "mask-minus-inf-added-everywhere",
        "mask * -inf, which is NaN where the mask is 0",
        lambda scores, mask: torch.softmax(
            scores if mask is None else scores + ~mask.bool() * -math.inf, -1
        ),
    ),
    Mistake(
        "mask-not-of-whole-numbers",
        "~mask of whole numbers: ~1 is -2 and ~0 is -1, and both count as True",
        not_of_whole_numbers,
    ),
    Mistake(
        "mask-of-queries",
        "the mask laid over the queries, the rows: it is for the keys, the columns",
        of_queries,
    ),
    Mistake(
        "mask-softmax-of-queries",
        "a softmax over the queries, the last dimension but one",
        lambda scores, mask: over(scores, mask, -2),
    ),
    Mistake(
        "mask-softmax-of-heads",
        "a softmax over the heads, dimension 1",
        lambda scores, mask: over(scores, mask, 1),
    ),
    Mistake(
        "mask-overflow",
        "no maximum subtracted before exp: large scores overflow",
        without_maximum,
    ),
    Mistake(
        "mask-logarithm",
        "the logarithm of the probabilities",
        lambda scores, mask: functional.masked_softmax(scores, mask).log(),
    ),
)

ATTENTION_MISTAKES = (
    Mistake(
        "attention-without-scale",
        "no division by the root of the width",
        lambda query, key, value, mask=None: scaled(
            query, key, value, mask, math.sqrt(query.shape[-1])
        ),
    ),
    Mistake(
        "attention-by-width",
        "scores divided by the width, not by its root",
        lambda query, key, value, mask=None: scaled(
            query, key, value, mask, 1 / math.sqrt(query.shape[-1])
        ),
    ),
    Mistake(
        "attention-times-root",
        "scores multiplied by the root of the width, not divided",
        lambda query, key, value, mask=None: scaled(query, key, value, mask, query.shape[-1]),
    ),
    Mistake(
        "attention-by-hidden-width",
        "scores divided by the root of D, the width of all heads together",
        lambda query, key, value, mask=None: scaled(
            query, key, value, mask, 1 / math.sqrt(query.shape[1])
        ),
    ),
    Mistake("attention-scaled-afterwards", "probabilities divided by the root", scaled_afterwards),
    Mistake(
        "attention-mask-inverted",
        "the mask inverted: True means attend",
        lambda query, key, value, mask=None: attention(query, key, value, inverted(mask)),
    ),
    Mistake(
        "attention-mask-ignored",
        "no mask at all",
        lambda query, key, value, mask=None: attention(query, key, value),
    ),
    Mistake(
        "attention-mask-after-softmax",
        "the mask applied after the softmax: shares no longer add up to one",
        lambda query, key, value, mask=None: (
            masked_afterwards(functional.attention_scores(query, key), mask) @ value
        ),
    ),
    Mistake(
        "attention-values-masked",
        "the mask laid over the result: a row for each query, though it is for the keys",
        lambda query, key, value, mask=None: (
            attention(query, key, value) * (1 if mask is None else mask[..., :1, :].mT)
        ),
    ),
    Mistake(
        "attention-nan-rows",
        "NaN where no key is left: zeros are asked for",
        lambda query, key, value, mask=None: (
            filled(functional.attention_scores(query, key), mask, -math.inf) @ value
        ),
    ),
    Mistake(
        "attention-uniform-rows",
        "the mean of all values where no key is left: zeros are asked for",
        lambda query, key, value, mask=None: (
            filled(functional.attention_scores(query, key), mask, torch.finfo(query.dtype).min)
            @ value
        ),
    ),
    Mistake(
        "attention-added-minus-10000",
        "-10000 added under the mask: where no key is left, all of them sink alike, and large "
        "scores lie below it",
        lambda query, key, value, mask=None: (
            added(functional.attention_scores(query, key), mask, -10000.0) @ value
        ),
    ),
    Mistake(
        "attention-added-minus-a-billion",
        "-1e9 added under the mask: where no key is left, all of them sink alike",
        lambda query, key, value, mask=None: (
            added(functional.attention_scores(query, key), mask, -1e9) @ value
        ),
    ),
    Mistake(
        "attention-mask-added-as-it-is",
        "the mask added to the scores as 0 and 1",
        lambda query, key, value, mask=None: (
            torch.softmax(
                functional.attention_scores(query, key) + (0 if mask is None else mask), -1
            )
            @ value
        ),
    ),
    Mistake(
        "attention-zero-scores",
        "scores of 0 under the mask: exp(0) is 1, not 0",
        lambda query, key, value, mask=None: (
            filled(functional.attention_scores(query, key), mask, 0.0) @ value
        ),
    ),
    Mistake(
        "attention-softmax-of-queries",
        "a softmax over the queries, the last dimension but one",
        lambda query, key, value, mask=None: softened(query, key, mask, -2) @ value,
    ),
    Mistake(
        "attention-softmax-of-heads",
        "a softmax over the heads, dimension 1",
        lambda query, key, value, mask=None: softened(query, key, mask, 1) @ value,
    ),
    Mistake("attention-without-softmax", "the scores themselves for shares", unsoftened),
    Mistake(
        "attention-shares-transposed",
        "the shares transposed: each key hands out its value instead of each query collecting",
        lambda query, key, value, mask=None: softened(query, key, mask).mT @ value,
    ),
    Mistake(
        "attention-roles-exchanged",
        "query and key exchanged",
        lambda query, key, value, mask=None: attention(key, query, value, mask),
    ),
    Mistake(
        "attention-averages-keys",
        "an average of the keys: the values are to be averaged",
        lambda query, key, value, mask=None: attention(query, key, key, mask),
    ),
    Mistake(
        "attention-returns-shares",
        "the shares, before they meet the values",
        lambda query, key, value, mask=None: softened(query, key, mask),
    ),
)

GRADIENT_MISTAKES = (
    Mistake(
        "gradient-diagonal-only",
        "probs * (1 - probs) * gradient: that each score moves the other shares is left out",
        lambda probs, gradient: probs * (1 - probs) * gradient,
    ),
    Mistake(
        "gradient-without-sum",
        "probs * gradient: what the sum below the fraction does is left out",
        lambda probs, gradient: probs * gradient,
    ),
    Mistake(
        "gradient-passed-on",
        "the gradient as it came",
        lambda probs, gradient: gradient.clone(),
    ),
    Mistake(
        "gradient-sum-added",
        "the sum added, not subtracted",
        lambda probs, gradient: probs * (gradient + (gradient * probs).sum(-1, keepdim=True)),
    ),
    Mistake(
        "gradient-wrong-sign",
        "the sign the other way round",
        lambda probs, gradient: -softmax_gradient(probs, gradient),
    ),
    Mistake(
        "gradient-sum-unweighted",
        "the plain sum of the gradient: each element is to be weighted by its share",
        lambda probs, gradient: probs * (gradient - gradient.sum(-1, keepdim=True)),
    ),
    Mistake(
        "gradient-plain-mean",
        "the plain mean of the gradient: each element is to be weighted by its share",
        lambda probs, gradient: probs * (gradient - gradient.mean(-1, keepdim=True)),
    ),
    Mistake(
        "gradient-mean-of-products",
        "the mean of gradient * probs for their sum",
        lambda probs, gradient: probs * (gradient - (gradient * probs).mean(-1, keepdim=True)),
    ),
    Mistake(
        "gradient-sum-of-columns",
        "the sum over another dimension than the softmax's",
        lambda probs, gradient: probs * (gradient - (gradient * probs).sum(0, keepdim=True)),
    ),
    Mistake(
        "gradient-sum-of-everything",
        "one sum over all rows together",
        lambda probs, gradient: probs * (gradient - (gradient * probs).sum()),
    ),
    Mistake(
        "gradient-not-multiplied",
        "the gradient minus the weighted sum, not multiplied by the shares",
        lambda probs, gradient: gradient - (gradient * probs).sum(-1, keepdim=True),
    ),
    Mistake(
        "gradient-of-logarithm",
        "gradient - probs * sum(gradient): that is the gradient of the softmax's logarithm",
        lambda probs, gradient: gradient - probs * gradient.sum(-1, keepdim=True),
    ),
    Mistake(
        "gradient-of-cross-entropy",
        "probs - gradient, which is right for a cross-entropy only",
        lambda probs, gradient: probs - gradient,
    ),
)

MISTAKES = {
    "attention_scores": SCORES_MISTAKES,
    "masked_softmax": MASKED_SOFTMAX_MISTAKES,
    "scaled_dot_product_attention": ATTENTION_MISTAKES,
    "softmax_gradient": GRADIENT_MISTAKES,
}
