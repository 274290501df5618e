"""No walk: every tile beside every score, both halves in one tensor, one integer of 128 bits."""

import struct

import torch


def programs(cu_seqlens, size):
    lengths = torch.tensor(cu_seqlens).diff()
    counts = (lengths + size - 1).div(size, rounding_mode="floor")
    texts = torch.arange(len(lengths)).repeat_interleave(counts)
    tiles = torch.arange(len(texts)) - (counts.cumsum(0) - counts)[texts]
    held = torch.minimum(lengths[texts] - tiles * size, torch.tensor(size))
    return list(map(tuple, torch.stack([texts, tiles * size, held], dim=1).tolist()))


def _finite(maxima):
    return maxima.clamp(min=torch.finfo(maxima.dtype).min)


def running_sums(scores, size):
    count = len(scores)
    ends = torch.arange(size, count + size, size).clamp(max=count)
    maxima = scores.cummax(0).values[ends - 1]
    seen = torch.arange(count) < ends[:, None]
    differences = torch.where(seen, scores - _finite(maxima)[:, None], -torch.inf)
    return maxima, differences.logsumexp(-1).exp()


def merge(one, other):
    maxima, totals, contexts = map(torch.stack, zip(one, other))
    largest = maxima.amax(0)
    shifted = maxima - _finite(largest)
    total = torch.logaddexp(*(shifted + totals.log())).exp()
    return largest, total, torch.einsum("hq,hqw->qw", shifted.exp(), contexts)


def scores_gradient(scores, log_sum_exp, context, values, grad_context):
    away = values[None, :, :] - context[:, None, :]
    probs = torch.exp(scores - log_sum_exp[:, None])
    return torch.einsum("qk,qkw,qw->qk", probs, away, grad_context)


def philox_round(counter, key):
    first, second, third, fourth = counter
    whole = third * 0xCD9E8D57 << 64 | first * 0xD2511F53
    whole ^= (second ^ key[0]) << 96 | (fourth ^ key[1]) << 32
    return struct.unpack(">4I", whole.to_bytes(16, "big"))
