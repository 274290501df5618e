"""What goes wrong in chapter 12: the mistakes that people make in its exercises."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from minibert.course.exercise import Mistake
from minibert.course.exercises.c12_kernel import (
    MULTIPLIERS,
    WORD,
    Part,
    Words,
    merge,
    philox_round,
    programs,
    running_sums,
    scores_gradient,
    shrunk,
)

Programs = list[tuple[int, int, int]]


def _each(change: Callable[[int, int, int, int], tuple[int, int, int]]) -> Callable[..., Programs]:
    """Every program changed; change(text, first, count, start of the text)."""

    def changed(cu_seqlens: list[int], size: int) -> Programs:
        found = programs(cu_seqlens, size)
        return [change(text, first, count, cu_seqlens[text]) for text, first, count in found]

    return changed


def _across_texts(cu_seqlens: list[int], size: int) -> Programs:
    """Tiles over all tokens, each given to the text in which it begins."""
    total = cu_seqlens[-1]
    found = []
    for first in range(0, total, size):
        text = max(i for i, start in enumerate(cu_seqlens[:-1]) if start <= first)
        found.append((text, first - cu_seqlens[text], min(size, total - first)))
    return found


def _of_longest(cu_seqlens: list[int], size: int) -> Programs:
    """As for a padded batch."""
    longest = max((end - start for start, end in pairwise(cu_seqlens)), default=0)
    texts = len(cu_seqlens) - 1
    return programs([longest * text for text in range(texts + 1)], size)


def _empty_ones_too(cu_seqlens: list[int], size: int) -> Programs:
    found = programs(cu_seqlens, size)
    empty = [(text, 0, 0) for text, (a, b) in enumerate(pairwise(cu_seqlens)) if a == b]
    return sorted(found + empty)


def _one_too_many(cu_seqlens: list[int], size: int) -> Programs:
    """length // size + 1 tiles: one of nothing where the size divides the length."""
    return [
        (text, first, min(size, end - start - first))
        for text, (start, end) in enumerate(pairwise(cu_seqlens))
        for first in range(0, end - start + 1, size)
    ]


def _by_tiles(cu_seqlens: list[int], size: int) -> Programs:
    """All first tiles, then all second ones."""
    return sorted(programs(cu_seqlens, size), key=lambda one: one[1])


def _even(cu_seqlens: list[int], size: int) -> Programs:
    """As many tiles as there must be, but of about equal size."""
    found = []
    for text, (start, end) in enumerate(pairwise(cu_seqlens)):
        tiles = torch.arange(end - start).tensor_split(max(-(-(end - start) // size), 1))
        found += [(text, int(tile[0]), len(tile)) for tile in tiles if len(tile)]
    return found


def _without_empty(cu_seqlens: list[int], size: int) -> Programs:
    """Empty texts get no number either."""
    return programs(sorted(set(cu_seqlens)), size)


def _until_empty(cu_seqlens: list[int], size: int) -> Programs:
    """What comes after the first empty text is taken for padding."""
    empty = [text for text, (start, end) in enumerate(pairwise(cu_seqlens)) if start == end]
    return [
        one for one in programs(cu_seqlens, size) if one[0] < min(empty, default=len(cu_seqlens))
    ]


def _remainder(cu_seqlens: list[int], size: int) -> Programs:
    """The last tile holds length % size queries, also where that is 0."""
    lengths = [end - start for start, end in pairwise(cu_seqlens)]
    return [
        (text, first, lengths[text] % size if first + size >= lengths[text] else size)
        for text, first, _ in programs(cu_seqlens, size)
    ]


PROGRAMS_MISTAKES = (
    Mistake(
        "programs-last-lost",
        "the last tile left out where it is not full: its queries get no context",
        lambda cu_seqlens, size: [one for one in programs(cu_seqlens, size) if one[2] == size],
    ),
    Mistake(
        "programs-always-full",
        "`size` queries in every tile: the last one may hold fewer",
        lambda cu_seqlens, size: [(t, first, size) for t, first, _ in programs(cu_seqlens, size)],
    ),
    Mistake(
        "programs-across-texts",
        "tiles cut from all tokens at once, so that one reaches into the next text",
        _across_texts,
    ),
    Mistake(
        "programs-counted-from-all",
        "first queries counted from the beginning of all texts; the text's own is meant",
        _each(lambda text, first, count, start: (text, start + first, count)),
    ),
    Mistake(
        "programs-end-for-count",
        "the query behind the last in place of how many there are",
        _each(lambda text, first, count, start: (text, first, first + count)),
    ),
    Mistake(
        "programs-last-for-count",
        "the last query in place of how many there are",
        _each(lambda text, first, count, start: (text, first, first + count - 1)),
    ),
    Mistake(
        "programs-tiles-counted",
        "the number of the tile in place of its first query",
        lambda cu_seqlens, size: [
            (t, f // size, count) for t, f, count in programs(cu_seqlens, size)
        ],
    ),
    Mistake(
        "programs-of-longest",
        "all texts as long as the longest one: that is a padded batch",
        _of_longest,
    ),
    Mistake(
        "programs-of-empty-texts",
        "a program of no queries for an empty text",
        _empty_ones_too,
    ),
    Mistake(
        "programs-one-too-many",
        "a tile of nothing behind texts whose length the size divides",
        _one_too_many,
    ),
    Mistake(
        "programs-texts-from-1",
        "texts counted from 1",
        _each(lambda text, first, count, start: (text + 1, first, count)),
    ),
    Mistake("programs-even", "tiles of about equal size: all but the last are full", _even),
    Mistake(
        "programs-renumbered",
        "empty texts passed over in counting, so that those after them get too low a number",
        _without_empty,
    ),
    Mistake(
        "programs-until-empty",
        "an empty text taken for the end of all: others follow",
        _until_empty,
    ),
    Mistake(
        "programs-remainder",
        "length % size queries in the last tile: that is 0 where the size divides the length",
        _remainder,
    ),
    Mistake(
        "programs-by-tiles",
        "the first tiles of all texts before the second ones; the texts come one after another",
        _by_tiles,
    ),
)

Sums = tuple[Tensor, Tensor]


def _walk(
    step: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
    start: float = -torch.inf,
    renew: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
) -> Callable[[Tensor, int], Sums]:
    """Running sums whose total after a tile is step(total, tile, maximum, new maximum).

    start: the first maximum; renew(maximum, that of the tile): the new one
    """

    def walk(scores: Tensor, size: int) -> Sums:
        maximum, total = scores.new_tensor(start), scores.new_tensor(0.0)
        maxima, totals = [], []
        for tile in scores.split(size):
            new = renew(maximum, tile.max())
            total = step(total, tile, maximum, new)
            maximum = new
            maxima.append(maximum)
            totals.append(total)
        return torch.stack(maxima), torch.stack(totals)

    return walk


def _right_step(total: Tensor, tile: Tensor, maximum: Tensor, new: Tensor) -> Tensor:
    return total * torch.exp(maximum - new) + torch.exp(tile - new).sum()


def _tile_alone(total: Tensor, tile: Tensor, maximum: Tensor, new: Tensor) -> Tensor:
    return torch.exp(tile - new).sum()


def _of_tile(maximum: Tensor, tile_maximum: Tensor) -> Tensor:
    return tile_maximum


def _with_final_maximum(scores: Tensor, size: int) -> Sums:
    """As in the step before: the maximum of all is known from a walk of its own."""
    maxima, _ = running_sums(scores, size)
    totals = torch.exp(scores - scores.max()).cumsum(0)
    ends = torch.arange(len(maxima)).add(1).mul(size).clamp(max=len(scores)) - 1
    return maxima, totals[ends]


def _scaled_back(scores: Tensor, size: int) -> Sums:
    """The same, brought to the running maxima afterwards."""
    maxima, totals = _with_final_maximum(scores, size)
    return maxima, totals * torch.exp(scores.max() - maxima)


def _filled_up(scores: Tensor, size: int) -> Sums:
    """Zeros behind the last score, to fill the tile."""
    return running_sums(torch.cat([scores, scores.new_zeros(-len(scores) % size)]), size)


def _of_full_tiles(scores: Tensor, size: int) -> Sums:
    maxima, totals = running_sums(scores, size)
    full = max(len(scores) // size, 1)
    return maxima[:full], totals[:full]


RUNNING_SUMS_MISTAKES = (
    Mistake(
        "running-not-shrunk",
        "no factor for what was added up under the old maximum",
        _walk(lambda total, tile, maximum, new: total + torch.exp(tile - new).sum()),
    ),
    Mistake(
        "running-factor-upside-down",
        "the factor exp(new - old), which is 1 or more: the old sum must shrink",
        _walk(
            lambda total, tile, maximum, new: (
                (total * torch.exp(new - maximum)).nan_to_num(0.0) + torch.exp(tile - new).sum()
            )
        ),
    ),
    Mistake(
        "running-tile-shrunk-too",
        "the factor on the new tile as well, whose powers are relative to the new maximum already",
        _walk(
            lambda total, tile, maximum, new: (
                (total + torch.exp(tile - new).sum())
                * torch.where(maximum == -torch.inf, 1.0, torch.exp(maximum - new))
            )
        ),
    ),
    Mistake(
        "running-old-maximum",
        "the tile's powers relative to the old maximum, before it is renewed",
        _walk(
            lambda total, tile, maximum, new: (
                total * torch.exp(maximum - new)
                + torch.exp(tile - torch.where(maximum == -torch.inf, new, maximum)).sum()
            )
        ),
    ),
    Mistake(
        "running-from-0",
        "a maximum that begins at 0: scores may all be negative; begin at minus infinity",
        _walk(_right_step, start=0.0),
    ),
    Mistake(
        "running-from-a-low-number",
        "a maximum that begins at a low number: scores may be lower; begin at minus infinity",
        _walk(_right_step, start=-1e4),
    ),
    Mistake(
        "running-scaled-back",
        "powers relative to the maximum of all, brought back afterwards: they are 0 by then",
        _scaled_back,
    ),
    Mistake(
        "running-relative-to-tile",
        "the tile's powers relative to its own maximum, where an earlier one was larger",
        _walk(
            lambda total, tile, maximum, new: (
                total * torch.exp(maximum - new) + torch.exp(tile - tile.max()).sum()
            )
        ),
    ),
    Mistake(
        "running-filled-up",
        "zeros that fill the last tile: they count as scores",
        _filled_up,
    ),
    Mistake(
        "running-tile-s-maximum",
        "the maximum of the tile in place of the largest so far",
        _walk(_right_step, renew=_of_tile),
    ),
    Mistake(
        "running-tiles-apart",
        "each tile by itself: the sums go on from tile to tile",
        _walk(_tile_alone, renew=_of_tile),
    ),
    Mistake(
        "running-last-tile-alone",
        "the last tile's sum alone in place of the sum of all",
        _walk(_tile_alone),
    ),
    Mistake(
        "running-final-maximum",
        "totals relative to the maximum of all scores, which one walk does not know yet",
        _with_final_maximum,
    ),
    Mistake(
        "running-no-maximum",
        "powers from which no maximum is subtracted: they overflow",
        _walk(lambda total, tile, maximum, new: total + torch.exp(tile).sum()),
    ),
    Mistake(
        "running-powers-of-2",
        "powers of 2 in place of those of e",
        _walk(
            lambda total, tile, maximum, new: (
                total * torch.exp2(maximum - new) + torch.exp2(tile - new).sum()
            )
        ),
    ),
    Mistake(
        "running-full-tiles-only",
        "the last tile left out where it is not full",
        _of_full_tiles,
    ),
    Mistake(
        "running-logarithm",
        "the logarithm of the total: it is taken once, at the end",
        lambda scores, size: (running_sums(scores, size)[0], running_sums(scores, size)[1].log()),
    ),
)


def _merged(one: Part, other: Part, first: Tensor, second: Tensor) -> Part:
    """Halves that shrink by these factors."""
    return (
        torch.maximum(one[0], other[0]),
        one[1] * first + other[1] * second,
        one[2] * first[:, None] + other[2] * second[:, None],
    )


def _factors(one: Part, other: Part) -> tuple[Tensor, Tensor]:
    """Those of a right answer but where nothing has been seen."""
    new = torch.maximum(one[0], other[0])
    return torch.exp(one[0] - new), torch.exp(other[0] - new)


def _upside_down(one: Part, other: Part) -> Part:
    first, second = _factors(one, other)
    return _merged(one, other, (1 / first).nan_to_num(0.0), (1 / second).nan_to_num(0.0))


def _second_not_shrunk(one: Part, other: Part) -> Part:
    first, second = _factors(one, other)
    return _merged(one, other, first.nan_to_num(0.0), torch.ones_like(second))


def _larger_alone(one: Part, other: Part) -> Part:
    larger = one[0] >= other[0]
    return (
        torch.maximum(one[0], other[0]),
        torch.where(larger, one[1], other[1]),
        torch.where(larger[:, None], one[2], other[2]),
    )


def _one_for_all(one: Part, other: Part) -> Part:
    """Relative to the largest score of all queries."""
    new = torch.maximum(one[0], other[0]).max().expand_as(one[0])
    (total, context), (more, added) = shrunk(one, new), shrunk(other, new)
    return new, total + more, context + added


def _first_s_maximum(one: Part, other: Part) -> Part:
    (total, context), (more, added) = shrunk(one, one[0]), shrunk(other, one[0])
    return one[0], total + more, context + added


def _averages(one: Part, other: Part) -> Part:
    maximum, total, _ = merge(one, other)
    return maximum, total, one[2] / one[1][:, None] + other[2] / other[1][:, None]


def _without_maximum(one: Part, other: Part) -> Part:
    """By way of sums of exp(score)."""
    maximum = torch.maximum(one[0], other[0])
    back = torch.exp(-maximum.masked_fill(maximum == -torch.inf, 0.0))
    return _merged(one, other, torch.exp(one[0]) * back, torch.exp(other[0]) * back)


def _second_shrunk(one: Part, other: Part) -> Part:
    """The second half shrinks, whichever has the larger maximum."""
    gap = (one[0] - other[0]).abs().nan_to_num(0.0)
    return _merged(one, other, torch.ones_like(gap), torch.exp(-gap))


def _whole_half_passed_over(one: Part, other: Part) -> Part:
    if (one[0] == -torch.inf).any():
        return other
    return one if (other[0] == -torch.inf).any() else merge(one, other)


def _zero_for_nothing(one: Part, other: Part) -> Part:
    maximum, total, context = merge(one, other)
    return maximum.masked_fill(maximum == -torch.inf, 0.0), total, context


MERGE_MISTAKES = (
    Mistake(
        "merge-added",
        "plain sums: the halves are relative to different maxima",
        lambda one, other: _merged(one, other, torch.ones_like(one[0]), torch.ones_like(one[0])),
    ),
    Mistake(
        "merge-nan",
        "minus infinity less minus infinity, which is NaN, where neither half has seen a key",
        lambda one, other: _merged(one, other, *_factors(one, other)),
    ),
    Mistake(
        "merge-factor-upside-down",
        "factors exp(new - old), which are 1 or more",
        _upside_down,
    ),
    Mistake(
        "merge-second-not-shrunk",
        "the first half shrunk alone: the second one's maximum may be the smaller",
        _second_not_shrunk,
    ),
    Mistake(
        "merge-context-not-shrunk",
        "contexts added as they are: they shrink as the totals do",
        lambda one, other: (*merge(one, other)[:2], one[2] + other[2]),
    ),
    Mistake(
        "merge-total-not-shrunk",
        "totals added as they are: they shrink as the contexts do",
        lambda one, other: (merge(one, other)[0], one[1] + other[1], merge(one, other)[2]),
    ),
    Mistake(
        "merge-divided",
        "the context divided by the total already: that is done once, at the end",
        lambda one, other: (
            *merge(one, other)[:2],
            merge(one, other)[2] / merge(one, other)[1][:, None],
        ),
    ),
    Mistake(
        "merge-no-maximum",
        "exp of the maxima themselves, which overflows: subtract first",
        _without_maximum,
    ),
    Mistake(
        "merge-second-always-shrunk",
        "the second half shrunk, whichever has the larger maximum",
        _second_shrunk,
    ),
    Mistake(
        "merge-half-passed-over",
        "a half passed over as a whole if one of its queries has seen nothing",
        _whole_half_passed_over,
    ),
    Mistake(
        "merge-0-for-nothing",
        "a maximum of 0 where nothing has been seen: it stays minus infinity",
        _zero_for_nothing,
    ),
    Mistake("merge-averages", "the sum of the halves' averages", _averages),
    Mistake(
        "merge-larger-alone",
        "the half with the larger maximum alone: the other one counts too",
        _larger_alone,
    ),
    Mistake(
        "merge-one-maximum-for-all",
        "one maximum for all queries: each has its own",
        _one_for_all,
    ),
    Mistake(
        "merge-first-s-maximum",
        "all relative to the first half's maximum, so that powers overflow",
        _first_s_maximum,
    ),
    Mistake(
        "merge-powers-of-2",
        "powers of 2 in place of those of e",
        lambda one, other: _merged(
            one,
            other,
            *(torch.exp2(half[0] - merge(one, other)[0]).nan_to_num(0.0) for half in (one, other)),
        ),
    ),
)


def _from(
    probs: Callable[[Tensor, Tensor], Tensor] | None = None,
    delta: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor | float] | None = None,
) -> Callable[..., Tensor]:
    """The formula with other probabilities(scores, log_sum_exp), or another delta.

    delta(probs, their gradient, context, its gradient)
    """

    def gradient(
        scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
    ) -> Tensor:
        shares = (probs or _shares)(scores, log_sum_exp)
        grad_probs = grad_context @ values.T
        subtracted = (delta or _delta)(shares, grad_probs, context, grad_context)
        return shares * (grad_probs - subtracted)

    return gradient


def _shares(scores: Tensor, log_sum_exp: Tensor) -> Tensor:
    return torch.exp(scores - log_sum_exp[:, None])


def _delta(probs: Tensor, grad_probs: Tensor, context: Tensor, grad_context: Tensor) -> Tensor:
    return (context * grad_context).sum(-1, keepdim=True)


def _delta_outside(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    delta = (context * grad_context).sum(-1, keepdim=True)
    return _shares(scores, log_sum_exp) * (grad_context @ values.T) - delta


def _own_share_only(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    probs = _shares(scores, log_sum_exp)
    return probs * (1 - probs) * (grad_context @ values.T)


SCORES_GRADIENT_MISTAKES = (
    Mistake(
        "scores-gradient-no-delta",
        "no delta: a share cannot grow without the others of its row",
        _from(delta=lambda probs, grad_probs, context, gradient: 0.0),
    ),
    Mistake(
        "scores-gradient-delta-of-tile",
        "delta summed up over the keys at hand; where they are a tile, the others are missing",
        _from(
            delta=lambda probs, grad_probs, context, gradient: (probs * grad_probs).sum(
                -1, keepdim=True
            )
        ),
    ),
    Mistake(
        "scores-gradient-delta-mean",
        "the mean over the width for delta; it is a sum",
        _from(
            delta=lambda probs, grad_probs, context, gradient: (context * gradient).mean(
                -1, keepdim=True
            )
        ),
    ),
    Mistake(
        "scores-gradient-delta-of-all",
        "one delta for all queries: each has its own",
        _from(delta=lambda probs, grad_probs, context, gradient: (context * gradient).sum()),
    ),
    Mistake(
        "scores-gradient-delta-in-a-row",
        "delta laid along the keys: it needs a column, as in delta[:, None]",
        _from(delta=lambda probs, grad_probs, context, gradient: (context * gradient).sum(-1)),
    ),
    Mistake(
        "scores-gradient-delta-of-context",
        "delta without the gradient: the sum of the context alone",
        _from(delta=lambda probs, grad_probs, context, gradient: context.sum(-1, keepdim=True)),
    ),
    Mistake(
        "scores-gradient-delta-outside",
        "delta subtracted after the multiplication by the probabilities",
        _delta_outside,
    ),
    Mistake(
        "scores-gradient-not-normalised",
        "exp(scores) for the probabilities: they are exp(scores - log_sum_exp)",
        _from(lambda scores, log_sum_exp: torch.exp(scores)),
    ),
    Mistake(
        "scores-gradient-of-tile",
        "a softmax over the keys at hand; where they are a tile, the others are missing",
        _from(lambda scores, log_sum_exp: torch.softmax(scores, -1)),
    ),
    Mistake(
        "scores-gradient-logarithms",
        "scores - log_sum_exp for the probabilities: that is their logarithm",
        _from(lambda scores, log_sum_exp: scores - log_sum_exp[:, None]),
    ),
    Mistake(
        "scores-gradient-in-a-row",
        "log_sum_exp laid along the keys: it needs a column, as in log_sum_exp[:, None]",
        _from(lambda scores, log_sum_exp: torch.exp(scores - log_sum_exp)),
    ),
    Mistake(
        "scores-gradient-divided",
        "a division by log_sum_exp in place of exp(log_sum_exp)",
        _from(lambda scores, log_sum_exp: torch.exp(scores) / log_sum_exp[:, None]),
    ),
    Mistake(
        "scores-gradient-no-difference",
        "exp(scores) / exp(log_sum_exp), which overflows: subtract first",
        _from(lambda scores, log_sum_exp: torch.exp(scores) / torch.exp(log_sum_exp)[:, None]),
    ),
    Mistake(
        "scores-gradient-scaled",
        "a division by the root of the width: these scores are scaled already",
        lambda scores, log_sum_exp, context, values, grad_context: (
            scores_gradient(scores, log_sum_exp, context, values, grad_context)
            / values.shape[-1] ** 0.5
        ),
    ),
    Mistake(
        "scores-gradient-sign",
        "the sign turned round: delta minus the gradient of the probabilities",
        lambda *given: -scores_gradient(*given),
    ),
    Mistake(
        "scores-gradient-no-probabilities",
        "no factor of the probabilities",
        lambda scores, log_sum_exp, context, values, grad_context: (
            grad_context @ values.T - (context * grad_context).sum(-1, keepdim=True)
        ),
    ),
    Mistake(
        "scores-gradient-own-share",
        "probs * (1 - probs) alone, the derivative of a share by its own score",
        _own_share_only,
    ),
)


def _not_crossed(counter: Words, key: Words) -> Words:
    left, right = counter[0] * MULTIPLIERS[0], counter[2] * MULTIPLIERS[1]
    return (
        (left >> 32) ^ counter[1] ^ key[0],
        left & WORD,
        (right >> 32) ^ counter[3] ^ key[1],
        right & WORD,
    )


def _with(
    counter: Words,
    key: Words,
    upper: Callable[[int], int] = lambda product: product >> 32,
    lower: Callable[[int], int] = lambda product: product & WORD,
    cross: Callable[[int, int, int], int] = lambda one, other, third: one ^ other ^ third,
    multipliers: Words = MULTIPLIERS,
) -> Words:
    """A round with other halves, another way to cross three words, or other multipliers."""
    left, right = counter[0] * multipliers[0], counter[2] * multipliers[1]
    return (
        cross(upper(right), counter[1], key[0]),
        lower(right),
        cross(upper(left), counter[3], key[1]),
        lower(left),
    )


def _signed(word: int) -> int:
    """What becomes of a number in 64 bits with a sign."""
    return (word + 2**63) % 2**64 - 2**63


def _one_after_another(counter: Words, key: Words) -> Words:
    """Each word is overwritten as soon as its successor is known."""
    third = counter[2] * MULTIPLIERS[1]
    new = (third >> 32) ^ counter[1] ^ key[0]
    first = new * MULTIPLIERS[0]
    return new, third & WORD, (first >> 32) ^ counter[3] ^ key[1], first & WORD


def _without_carry(counter: Words, key: Words) -> Words:
    """Upper halves from pieces of 16 bits, as one does where a product must not exceed 32."""

    def upper(word: int, multiplier: int) -> int:
        (high, low), (high_, low_) = (divmod(x, 2**16) for x in (word, multiplier))
        return high * high_ + (high * low_ >> 16) + (low * high_ >> 16)

    _, lower_right, _, lower_left = philox_round(counter, key)
    left, right = upper(counter[0], MULTIPLIERS[0]), upper(counter[2], MULTIPLIERS[1])
    return right ^ counter[1] ^ key[0], lower_right, left ^ counter[3] ^ key[1], lower_left


PHILOX_ROUND_MISTAKES = (
    Mistake(
        "philox-not-crossed",
        "each product's halves at its own word's place: they cross over",
        _not_crossed,
    ),
    Mistake(
        "philox-multipliers-exchanged",
        "the two multipliers exchanged",
        lambda counter, key: _with(counter, key, multipliers=MULTIPLIERS[::-1]),
    ),
    Mistake(
        "philox-halves-exchanged",
        "upper and lower halves exchanged",
        lambda counter, key: _with(
            counter, key, lambda product: product & WORD, lambda product: product >> 32
        ),
    ),
    Mistake(
        "philox-no-key",
        "the key left out: everybody would drop the same",
        lambda counter, key: philox_round(counter, (0, 0)),
    ),
    Mistake(
        "philox-keys-exchanged",
        "the two words of the key exchanged",
        lambda counter, key: philox_round(counter, key[::-1]),
    ),
    Mistake(
        "philox-first-key-twice",
        "the key's first word at both places",
        lambda counter, key: philox_round(counter, (key[0], key[0])),
    ),
    Mistake(
        "philox-others-exchanged",
        "second and fourth word exchanged",
        lambda counter, key: philox_round((counter[0], counter[3], counter[2], counter[1]), key),
    ),
    Mistake(
        "philox-others-lost",
        "second and fourth word left out",
        lambda counter, key: philox_round((counter[0], 0, counter[2], 0), key),
    ),
    Mistake(
        "philox-added",
        "sums in place of exclusive or",
        lambda counter, key: _with(
            counter, key, cross=lambda one, other, third: (one + other + third) & WORD
        ),
    ),
    Mistake(
        "philox-or",
        "or (|) in place of exclusive or (^)",
        lambda counter, key: _with(
            counter, key, cross=lambda one, other, third: one | other | third
        ),
    ),
    Mistake(
        "philox-not-cut",
        "the whole product in place of its lower half",
        lambda counter, key: _with(counter, key, lower=lambda product: product),
    ),
    Mistake(
        "philox-cut-first",
        "products cut to 32 bits before the upper half is taken, which is 0 then",
        lambda counter, key: _with(counter, key, upper=lambda product: 0),
    ),
    Mistake(
        "philox-signed",
        "products in int64, whose upper half has a sign: cut it with & 0xFFFFFFFF after the shift",
        lambda counter, key: _with(counter, key, upper=lambda product: _signed(product) >> 32),
    ),
    Mistake(
        "philox-floats",
        "a lower half by way of floating point, which has 53 bits for a product of 64",
        lambda counter, key: _with(
            counter, key, lower=lambda product: int(product / 2**32 % 1 * 2**32)
        ),
    ),
    Mistake(
        "philox-one-after-another",
        "words overwritten that are still to be multiplied: all come from the old ones",
        _one_after_another,
    ),
    Mistake(
        "philox-carry-lost",
        "products of pieces without the carry of the lower ones",
        _without_carry,
    ),
    Mistake(
        "philox-upper-added",
        "the upper half added in place of exclusive or",
        lambda counter, key: _with(
            counter, key, cross=lambda upper, word, of_key: (upper + (word ^ of_key)) & WORD
        ),
    ),
    Mistake(
        "philox-shifted-by-31",
        "the upper half shifted by 31 bits; there are 32",
        lambda counter, key: _with(counter, key, upper=lambda product: product >> 31 & WORD),
    ),
)

MISTAKES = {
    "programs": PROGRAMS_MISTAKES,
    "running_sums": RUNNING_SUMS_MISTAKES,
    "merge": MERGE_MISTAKES,
    "scores_gradient": SCORES_GRADIENT_MISTAKES,
    "philox_round": PHILOX_ROUND_MISTAKES,
}
