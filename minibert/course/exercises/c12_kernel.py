"""Chapter 12, from the formula to a kernel: tiles, a softmax in pieces, and back from one number.

The names are those of `minibert.kernels.steps`.
"""

from itertools import pairwise

import torch
from torch import Generator, Tensor

from minibert.course.drawing import normal, number, shuffled, sizes, whole
from minibert.course.exercise import Exercise, Probe

PAGE = "12_from_formula_to_kernel"
WORD = 2**32 - 1  # the largest number of 32 bits; also what cuts others down to them
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)

Part = tuple[Tensor, Tensor, Tensor]  # maximum (Q,), total (Q,), context (Q, W)
Words = tuple[int, ...]


def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    """Text, first query and number of queries of each program."""
    return [
        (text, first, min(size, end - start - first))
        for text, (start, end) in enumerate(pairwise(cu_seqlens))
        for first in range(0, end - start, size)
    ]


def _ragged(generator: Generator) -> list[Probe]:
    size = number(generator, 3, 7)
    lengths = shuffled(generator, (1, size + 2, 3 * size, size - 1, 2 * size + 1))
    ends = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    return [
        Probe("texts of many lengths", (ends, size)),
        Probe("an empty text in between", ([0, size + 1, size + 1, 2 * size + 3], size)),
        Probe("empty texts at both ends", ([0, 0, 2 * size, 2 * size], size)),
        Probe("lengths that the size divides", ([0, size, 3 * size], size)),
        Probe("tiles of one query", ([0, 2, 5], 1)),
        Probe("a tile larger than all texts", ([0, 2, 5], 32)),
        Probe("no text", ([0], size)),
    ]


PROGRAMS = Exercise(
    name="programs",
    title="Who computes what",
    points=2,
    difficulty=2,
    minutes=10,
    reference=programs,
    probes=_ragged,
    hints=(
        "Two loops: over the texts, and within a text over first queries, range(0, length, size).",
        "The last tile of a text holds what is left: min(size, length - first).",
    ),
    page=f"{PAGE}: Programs",
)


def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Maximum and total after each tile of the scores."""
    maxima = torch.stack([scores[: end + size].max() for end in range(0, len(scores), size)])
    totals = [
        torch.exp(scores[: (place + 1) * size] - maximum).sum()
        for place, maximum in enumerate(maxima)
    ]
    return maxima, torch.stack(totals)


def _scores_in_tiles(generator: Generator) -> list[Probe]:
    size = number(generator, 2, 5)
    scores = normal(generator, 4 * size, deviation=2.0)
    rising, falling = scores.sort().values, scores.sort(descending=True).values
    return [
        Probe("any scores", (scores, size)),
        Probe("float32", (scores.float(), size)),
        Probe("the largest score last", (rising, size)),
        Probe("the largest score first", (falling, size)),
        Probe("a last tile that is not full", (torch.cat([scores, 1 + scores[:1]]), size)),
        Probe("one tile for all", (scores, 4 * size + 3)),
        Probe("tiles of one score", (scores, 1)),
        Probe("scores of some thousands", (3000 * scores, size)),
        Probe("enormous scores, the largest last", (1e20 * rising, size)),
        Probe("scores below zero throughout", (scores - 1e5, size)),
    ]


RUNNING_SUMS = Exercise(
    name="running_sums",
    title="A softmax's denominator in one walk",
    points=3,
    difficulty=3,
    minutes=15,
    reference=running_sums,
    probes=_scores_in_tiles,
    hints=(
        "Keep two numbers: the largest score so far, from minus infinity, and the sum of "
        "exp(score - largest) over all scores so far, from zero.",
        "When a tile brings a larger maximum, all terms of the old sum are too large by the same "
        "factor, exp(new - old); so multiply by its inverse, exp(old - new).",
        "total = total * exp(maximum - new_maximum) + exp(tile - new_maximum).sum().",
    ),
    page=f"{PAGE}: One walk",
)


def merge(one: Part, other: Part) -> Part:
    """The running results over all keys that either half has seen."""
    maximum = torch.maximum(one[0], other[0])
    (total, context), (more, added) = (shrunk(half, maximum) for half in (one, other))
    return maximum, total + more, context + added


def shrunk(half: Part, maximum: Tensor) -> tuple[Tensor, Tensor]:
    """A half's total and context relative to another maximum; 0 where it has seen no key."""
    factor = torch.exp(half[0] - maximum).nan_to_num(0.0)
    return half[1] * factor, half[2] * factor[:, None]


def _seen(scores: Tensor, values: Tensor) -> Part:
    """The running results of queries that have seen these keys; scores (Q, K), values (K, W)."""
    maximum = scores.amax(-1)
    powers = torch.exp(scores - maximum[:, None])
    return maximum, powers.sum(-1), powers @ values


def _nothing_seen(queries: int, width: int) -> Part:
    """Before the first tile."""
    total = torch.zeros(queries, dtype=torch.float64)
    return total - torch.inf, total, total.new_zeros(queries, width)


def _where(rows: Tensor, one: Part, other: Part) -> Part:
    """The one's rows where True, the other's elsewhere."""
    maximum, total, context = zip(one, other, strict=True)
    return (
        torch.where(rows, *maximum),
        torch.where(rows, *total),
        torch.where(rows[:, None], *context),
    )


def _halves(generator: Generator) -> list[Probe]:
    queries, keys, more, width = sizes(generator, 4, low=3)
    first, second = normal(generator, queries, keys), 1 + normal(generator, queries, more)
    values, others = normal(generator, keys, width), normal(generator, more, width)
    one, other = _seen(first, values), _seen(second, others)
    single: tuple[Part, Part] = tuple(  # type: ignore[assignment]
        tuple(x.float() for x in half) for half in (one, other)
    )
    large, larger = _seen(3000 * first, values), _seen(3000 * second, others)
    enormous = _seen(1e20 * first, values), _seen(1e20 * second, others)
    nothing = _nothing_seen(queries, width)
    some = torch.arange(queries) % 2 == 0
    return [
        Probe("two halves", (one, other)),
        Probe("the same, exchanged", (other, one)),
        Probe("float32", single),
        Probe("a half and itself", (one, one)),
        Probe("scores of some thousands", (large, larger)),
        Probe("enormous scores", enormous),
        Probe("nothing seen before", (nothing, one)),
        Probe("nothing new", (one, nothing)),
        Probe("nothing at all", (nothing, nothing)),
        Probe("queries of which some have seen nothing", (_where(some, nothing, one), nothing)),
    ]


MERGE = Exercise(
    name="merge",
    title="Two halves of a softmax",
    points=3,
    difficulty=3,
    minutes=15,
    reference=merge,
    probes=_halves,
    hints=(
        "The new maximum is the larger one of each query. Both halves may have to shrink.",
        "A half's factor is exp(its maximum - the new one), for its total and its context.",
        "Where both maxima are minus infinity their difference is NaN. Nothing has been seen "
        "there, so that any factor will do that is a number.",
    ),
    page=f"{PAGE}: One walk",
)


def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    """From the context's gradient to that of the scores."""
    probs = torch.exp(scores - log_sum_exp[:, None])
    delta = (context * grad_context).sum(-1, keepdim=True)
    return probs * (grad_context @ values.T - delta)


def _backwards(generator: Generator) -> list[Probe]:
    queries, keys, width = sizes(generator, 3, low=3)
    scores, values = normal(generator, queries, keys), normal(generator, keys, width)
    gradient = normal(generator, queries, width)

    def given(scores: Tensor, values: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
        context = scores.softmax(-1) @ values
        return scores, scores.logsumexp(-1), context, values, gradient

    whole_row = given(scores, values, gradient)
    square = normal(generator, queries, queries), normal(generator, queries, width), gradient
    tile = scores[:, :2], *whole_row[1:3], values[:2], gradient
    return [
        Probe("all keys", whole_row),
        Probe("float32", tuple(x.float() for x in whole_row)),
        Probe("as many keys as queries", given(*square)),
        Probe("a tile of the keys", tile),
        Probe("scores of some thousands", given(3000 * scores, values, gradient)),
        Probe("the same gradient everywhere", given(scores, values, torch.ones_like(gradient))),
    ]


SCORES_GRADIENT = Exercise(
    name="scores_gradient",
    title="Backwards from one number",
    points=4,
    difficulty=4,
    minutes=15,
    reference=scores_gradient,
    probes=_backwards,
    hints=(
        "The probabilities first: exp(scores - log_sum_exp), with a column of log_sum_exp, a "
        "number for each query.",
        "Their gradient is grad_context @ values.T. The softmax's gradient subtracts delta from "
        "it, one number for each query, and multiplies by the probabilities.",
        "delta must be that of all keys, also where you are given a tile of them: the sum over "
        "the width of context * grad_context.",
    ),
    page=f"{PAGE}: Backwards from one number",
    forbidden=("aten._softmax", "aten._log_softmax", "aten._softmax_backward_data"),
    tolerance=1e-8,  # exp of a difference of thousands
)


def philox_round(counter: Words, key: Words) -> Words:
    """A round of Philox-4x32."""
    left, right = counter[0] * MULTIPLIERS[0], counter[2] * MULTIPLIERS[1]
    return (
        (right >> 32) ^ counter[1] ^ key[0],
        right & WORD,
        (left >> 32) ^ counter[3] ^ key[1],
        left & WORD,
    )


def _counters(generator: Generator) -> list[Probe]:
    def words(count: int) -> Words:
        return tuple(whole(generator, 0, WORD + 1, count).tolist())

    counter, key = words(4), words(2)
    return [
        Probe("any words", (counter, key)),
        Probe("other words", (words(4), words(2))),
        Probe("a place near the beginning", ((3, 1, 4, 2), key)),
        Probe("a counter of zeros", ((0, 0, 0, 0), key)),
        Probe("a key of zeros", (counter, (0, 0))),
        Probe("ones in all bits", ((WORD,) * 4, (WORD,) * 2)),
    ]


PHILOX_ROUND = Exercise(
    name="philox_round",
    title="Scrambling a place",
    points=3,
    difficulty=3,
    minutes=15,
    reference=philox_round,
    probes=_counters,
    hints=(
        "Python's integers grow as large as they must: a product of two words has 64 bits.",
        "Its upper half is product >> 32, its lower half product & 0xFFFFFFFF; ^ crosses two words "
        "bit by bit.",
        "The product of the third word goes to the first two places, that of the first word to the "
        "last two: the halves of the result are crossed over.",
    ),
    page=f"{PAGE}: Dropout without a mask",
)

EXERCISES = (PROGRAMS, RUNNING_SUMS, MERGE, SCORES_GRADIENT, PHILOX_ROUND)
