"""numpy: a grid of all tiles there might be, accumulated maxima, words of 32 bits as a view."""

import numpy as np
import torch


def programs(cu_seqlens, size):
    lengths = np.diff(cu_seqlens)
    firsts = np.arange(0, lengths.max(initial=0), size)
    texts, tiles = np.nonzero(firsts < lengths[:, None])
    counts = np.minimum(lengths[texts] - firsts[tiles], size)
    return list(zip(texts.tolist(), firsts[tiles].tolist(), counts.tolist()))


def _powers(scores, largest):
    """exp(scores - largest), and 0 wherever the score is minus infinity."""
    seen = scores > -np.inf
    with np.errstate(over="ignore"):  # the difference of two very large ones
        differences = np.subtract(scores, largest, where=seen, out=np.full_like(scores, -np.inf))
    return np.exp(differences)


def running_sums(scores, size):
    x = scores.numpy()
    starts = np.arange(0, len(x), size)
    maxima = np.maximum.accumulate(np.maximum.reduceat(x, starts))
    own = np.add.reduceat(_powers(x, np.repeat(maxima, size)[: len(x)]), starts)
    factors = _powers(maxima[:-1], maxima[1:])
    totals = own.copy()
    for tile, factor in enumerate(factors):
        totals[tile + 1] += factor * totals[tile]
    return torch.from_numpy(maxima), torch.from_numpy(totals)


def merge(one, other):
    maxima, totals, contexts = (np.stack([a, b]) for a, b in zip(one, other))
    largest = maxima.max(axis=0)
    factors = _powers(maxima, np.broadcast_to(largest, maxima.shape))
    total = np.sum(factors * totals, axis=0)
    context = np.sum(factors[:, :, np.newaxis] * contexts, axis=0)
    return torch.from_numpy(largest), torch.from_numpy(total), torch.from_numpy(context)


def scores_gradient(scores, log_sum_exp, context, values, grad_context):
    s, lse, c, v, g = (x.numpy() for x in (scores, log_sum_exp, context, values, grad_context))
    slopes = np.inner(g, v)
    slopes -= np.sum(g * c, axis=-1, keepdims=True)
    return torch.from_numpy(np.exp(s - lse[:, np.newaxis]) * slopes)


def philox_round(counter, key):
    words = np.array(counter, dtype="<u4")
    factors = np.array([0xCD9E8D57, 0xD2511F53], dtype="<u8")
    products = words[[2, 0]] * factors
    halves = products.view("<u4").reshape(2, 2)[:, ::-1].copy()  # upper half first
    halves[:, 0] ^= words[1::2] ^ np.array(key, dtype="<u4")
    return tuple(halves.ravel().tolist())
