"""Chapter 3: attention in three steps, and the softmax's gradient by hand."""

import math

import torch
from torch import Generator, Tensor

from minibert.course.drawing import holes, normal, right_padded, sizes
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.model import functional

PAGE = "03_attention_with_a_pencil"


def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    """From the gradient of the probabilities to that of the scores."""
    return probs * (gradient - (gradient * probs).sum(-1, keepdim=True))


def attention_scores_probes(generator: Generator) -> list[Probe]:
    """A single token, and numbers so small that only their scale is left to compare."""
    batch, heads, size, width = sizes(generator, 4)
    shape, square = (batch, heads, size, width), (2, 3, 3, 5)
    query, key = normal(generator, *shape), normal(generator, *shape)
    return [
        Probe("float64, with gradients", (query, key), gradients=(0, 1)),
        Probe("float32", (query.float(), key.float())),
        Probe("one token", (query[:, :, :1], key[:, :, :1]), gradients=(0, 1)),
        Probe("one sequence, one head", (query[:1, :1], key[:1, :1])),
        Probe("as many heads as tokens", (normal(generator, *square), normal(generator, *square))),
        Probe("large numbers", (1e4 * query, 1e4 * key)),
    ]


def masked_softmax_probes(generator: Generator) -> list[Probe]:
    """Masks of all kinds: none, padding, holes, one for each query, whole numbers, nothing left."""
    batch, heads, size = sizes(generator, 3, low=3)
    scores = normal(generator, batch, heads, size, size, deviation=2.0)
    padding, torn = right_padded(generator, batch, size), holes(generator, batch, 1, 1, size)
    empty = torn.clone()
    empty[1] = False
    tall = scores.clone()
    tall.masked_fill_(~torn, 1000.0)
    return [
        Probe("no mask", (scores, None), gradients=(0,)),
        Probe("padding", (scores, padding), gradients=(0,)),
        Probe("holes", (scores, torn), gradients=(0,)),
        Probe("a mask for every query", (scores, holes(generator, batch, 1, size, size)), (0,)),
        Probe("a mask of whole numbers", (scores, torn.long())),
        Probe("float32", (scores.float(), torn)),
        Probe("rows with no key left", (scores, empty), gradients=(0,)),
        Probe("float32, rows with no key left", (scores.float(), empty.long())),
        Probe("scores of some thousands", (3000 * scores, torn)),
        Probe("scores below -10000", (scores - 20000, torn)),
        Probe("masked scores far above the others", (tall, torn)),
    ]


def attention_probes(generator: Generator) -> list[Probe]:
    """The same masks, on their way through the whole of attention."""
    batch, heads, size, width = sizes(generator, 4, low=3)
    shape = (batch, heads, size, width)
    query, key, value = (normal(generator, *shape) for _ in range(3))
    torn, empty = holes(generator, batch, 1, 1, size), holes(generator, batch, 1, 1, size)
    empty[-1] = False
    inputs, single = (query, key, value), (query.float(), key.float(), value.float())
    each = holes(generator, batch, 1, size, size)
    return [
        Probe("no mask", (*inputs, None), gradients=(0, 1, 2)),
        Probe("padding", (*inputs, right_padded(generator, batch, size)), gradients=(0, 1, 2)),
        Probe("holes", (*inputs, torn), gradients=(0, 1, 2)),
        Probe("a mask for every query", (*inputs, each), gradients=(0, 1, 2)),
        Probe("rows with no key left", (*inputs, empty), gradients=(0, 1, 2)),
        Probe("float32", (*single, empty)),
        Probe("large scores", (100 * query, 100 * key, value, torn)),
    ]


def softmax_gradient_probes(generator: Generator) -> list[Probe]:
    """Probabilities with zeros among them, and a row of zeros only."""
    batch, heads, size = sizes(generator, 3, low=3)
    scores = normal(generator, batch, heads, size, size)
    torn = holes(generator, batch, 1, 1, size)
    torn[0] = False
    probs, gradient = torch.softmax(scores, -1), normal(generator, *scores.shape)
    return [
        Probe("any probabilities", (probs, gradient)),
        Probe("float32", (probs.float(), gradient.float())),
        Probe("zeros among them", (functional.masked_softmax(scores, torn), gradient)),
        Probe("the same gradient everywhere", (probs, torch.ones_like(probs))),
        Probe("one row", (probs[0, 0, 0], gradient[0, 0, 0])),
    ]


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

EXERCISES = (
    Exercise(
        name="attention_scores",
        title="Which key fits which query",
        points=2,
        difficulty=1,
        minutes=8,
        reference=functional.attention_scores,
        probes=attention_scores_probes,
        hints=(
            "@ multiplies the matrices of the last two dimensions, for each sequence and head.",
            "Of which shape must the key be, so that (S, W) @ (W, S) gives (S, S)?",
            "query @ key.transpose(-2, -1), divided by math.sqrt of the last size.",
        ),
        page=f"{PAGE}: Scores: which key fits which query?",
        mistakes=SCORES_MISTAKES,
        forbidden=("minibert.model.functional.attention_scores",),
    ),
    Exercise(
        name="masked_softmax",
        title="Shares of those who may be looked at",
        points=4,
        difficulty=3,
        minutes=15,
        reference=functional.masked_softmax,
        probes=masked_softmax_probes,
        hints=(
            "Before the softmax, put a very low score where the mask is 0: exp makes it 0.",
            "-inf is low enough, but a row of nothing else gives NaN. The lowest finite number of "
            "the dtype, torch.finfo(scores.dtype).min, gives equal shares there.",
            "Fill twice: the lowest number before the softmax, 0.0 after it. mask.bool() also "
            "takes 1 and 0, and ~ turns it round.",
        ),
        page=f"{PAGE}: The mask: words that are not there",
        mistakes=MASKED_SOFTMAX_MISTAKES,
        forbidden=("minibert.model.functional.masked_softmax",),
        tolerance=1e-7,  # some add a small number to the sums
    ),
    Exercise(
        name="scaled_dot_product_attention",
        title="All of attention",
        points=3,
        difficulty=2,
        minutes=10,
        reference=functional.scaled_dot_product_attention,
        probes=attention_probes,
        hints=(
            "Three steps: scores, shares, average. You have written the first two.",
            "The shares (S, S) times the values (S, W): a row of shares for each query.",
        ),
        page=f"{PAGE}: The average",
        mistakes=ATTENTION_MISTAKES,
        forbidden=(
            "minibert.model.functional.scaled_dot_product_attention",
            "aten.scaled_dot_product_attention",
        ),
        tolerance=1e-7,
    ),
    Exercise(
        name="softmax_gradient",
        title="The softmax backwards, by hand",
        points=4,
        difficulty=3,
        minutes=15,
        reference=softmax_gradient,
        probes=softmax_gradient_probes,
        hints=(
            "If score j grows, share j grows, and all others shrink: every score's gradient hears "
            "of all shares of its row.",
            "The derivative of share i by score j is probs[i] * ((i == j) - probs[j]). Multiply by "
            "gradient[i] and sum over i.",
            "What remains is probs * (gradient - s), with one number s for each row: the sum of "
            "gradient * probs over it.",
        ),
        page=f"{PAGE}: The gradient by hand",
        mistakes=GRADIENT_MISTAKES,
        forbidden=("aten._softmax", "aten._log_softmax", "aten._softmax_backward_data"),
    ),
)
