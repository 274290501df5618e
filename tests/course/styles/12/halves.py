"""Everything by halves: a class whose `+` merges, recursion; autograd; strings of bits."""

from functools import reduce
from operator import add, xor
from typing import NamedTuple

import torch


class Program(NamedTuple):
    text: int
    first: int
    count: int


def programs(cu_seqlens, size):
    if len(cu_seqlens) < 2:
        return []
    if len(cu_seqlens) == 2:
        queries = range(cu_seqlens[1] - cu_seqlens[0])
        tiles = (queries[first : first + size] for first in queries[::size])
        return [Program(0, tile.start, len(tile)) for tile in tiles]
    middle = len(cu_seqlens) // 2
    later = programs(cu_seqlens[middle:], size)
    return programs(cu_seqlens[: middle + 1], size) + [
        program._replace(text=program.text + middle) for program in later
    ]


class Seen(NamedTuple):
    """What some queries have gathered from the keys they have seen."""

    maximum: torch.Tensor
    total: torch.Tensor
    context: torch.Tensor

    def under(self, maximum):
        """The same, its powers taken relative to another maximum."""
        factor = torch.where(self.maximum == maximum, 1, torch.exp(self.maximum - maximum))
        return Seen(maximum, self.total * factor, self.context * factor[:, None])

    def __add__(self, other):
        larger = torch.where(self.maximum > other.maximum, self.maximum, other.maximum)
        one, other = self.under(larger), other.under(larger)
        return Seen(larger, one.total + other.total, one.context + other.context)


def _single(score):
    return Seen(score[None], (score > -torch.inf).to(score.dtype)[None], score.new_zeros(1, 0))


def _scan(tiles):
    """What has been seen after each tile: the left half; then the right, all the left before it."""
    if len(tiles) == 1:
        return [reduce(add, map(_single, tiles[0]))]
    middle = len(tiles) // 2
    left, right = _scan(tiles[:middle]), _scan(tiles[middle:])
    return left + [left[-1] + seen for seen in right]


def running_sums(scores, size):
    after = _scan(scores.split(size))
    return torch.cat([seen.maximum for seen in after]), torch.cat([seen.total for seen in after])


def merge(one, other):
    return Seen(*one) + Seen(*other)


def scores_gradient(scores, log_sum_exp, context, values, grad_context):
    # The logarithm's own gradient is in the context that is taken away: both count as constants.
    with torch.enable_grad():
        own = scores.detach().clone().requires_grad_()
        powers = (own - log_sum_exp.unsqueeze(-1)).exp()
        moved = powers @ values - powers.sum(-1, keepdim=True) * context
        (result,) = torch.autograd.grad(moved, own, grad_context)
    return result


def _halves(word, factor):
    bits = f"{word * factor:064b}"
    return int(bits[:32], base=2), int(bits[32:], base=2)


def philox_round(counter, key):
    upper_first, lower_first = _halves(counter[0], 0xD2511F53)
    upper_third, lower_third = _halves(counter[2], 0xCD9E8D57)
    return [
        reduce(xor, (upper_third, counter[1], key[0])),
        lower_third,
        reduce(xor, (upper_first, counter[3], key[1])),
        lower_first,
    ]
