"""torch out of the usual: scatters, `out=`, in place on one's own tensors, digits of 16 bits."""

import torch


def programs(cu_seqlens, size):
    bounds = torch.tensor(cu_seqlens)
    tokens = torch.arange(cu_seqlens[0], cu_seqlens[-1])
    texts = torch.bucketize(tokens, bounds, right=True).sub_(1)
    places = tokens - bounds[texts]
    begins = places.remainder(size) == 0
    tile = begins.cumsum(0).sub_(1)
    counts = torch.zeros(int(begins.sum()), dtype=torch.int64)
    counts.scatter_add_(0, tile, torch.ones_like(tile))
    rows = zip(texts[begins], places[begins], counts)
    return [tuple(int(number) for number in row) for row in rows]


def running_sums(scores, size):
    tile = torch.arange(scores.numel()) // size
    maxima = scores.new_full([int(tile[-1]) + 1], -torch.inf)
    maxima.scatter_reduce_(0, tile, scores, reduce="amax")
    torch.cummax(maxima.clone(), 0, out=(maxima, torch.empty(0, dtype=torch.int64)))
    powers = scores.clone()
    powers.sub_(maxima[tile]).masked_fill_(scores == -torch.inf, -torch.inf).exp_()
    totals = torch.zeros_like(maxima).index_add_(0, tile, powers)
    factors = maxima[:-1].sub(maxima[1:]).nan_to_num_(nan=0.0, neginf=-torch.inf).exp_()
    for before, (factor, total) in enumerate(zip(factors, totals[1:])):
        total.addcmul_(factor, totals[before])
    return maxima, totals


def merge(one, other):
    maxima = torch.empty_like(one[0])
    torch.maximum(one[0], other[0], out=maxima)
    total, context = torch.zeros_like(one[1]), torch.zeros_like(one[2])
    for maximum, its_total, its_context in one, other:
        factor = (maximum - maxima).masked_fill_(maximum.isneginf(), -torch.inf).exp_()
        total.addcmul_(factor, its_total)
        context.addcmul_(factor.unsqueeze(1), its_context)
    return [maxima, total, context]


def scores_gradient(scores, log_sum_exp, context, values, grad_context):
    mean = torch.zeros_like(log_sum_exp)
    for gradient, column in zip(grad_context.unbind(1), context.unbind(1)):
        mean.addcmul_(gradient, column)
    result = scores.clone()
    result.sub_(log_sum_exp.unsqueeze(1)).exp_()
    result.mul_(torch.addmm(mean.unsqueeze(1), grad_context, values.t(), beta=-1))
    return result


def philox_round(counter, key):
    words = torch.tensor(counter)
    halves = torch.zeros(2, 2, dtype=torch.int64)  # for third and first: upper, lower
    for half, word, factor in zip(halves, words[[2, 0]], (0xCD9E8D57, 0xD2511F53)):
        digits = torch.zeros(5, dtype=torch.int64)
        for shift in 0, 1:
            digit = word >> 16 * shift & 0xFFFF
            digits[shift] += digit * (factor & 0xFFFF)
            digits[shift + 1] += digit * (factor >> 16)
        for place in range(4):
            digits[place + 1] += digits[place] >> 16
        digits &= 0xFFFF
        half[0] = digits[3] << 16 | digits[2]
        half[1] = digits[1] << 16 | digits[0]
    halves[:, 0] ^= words[1::2]
    halves[:, 0].bitwise_xor_(torch.tensor(key))
    return tuple(halves.flatten().tolist())
