"""Plain numbers and loops, a score at a time; a product of bits; tensors only at the end."""

import math

import torch


def programs(cu_seqlens, size):
    result = []
    for text in range(len(cu_seqlens) - 1):
        first = 0
        left = cu_seqlens[text + 1] - cu_seqlens[text]
        while left > 0:
            count = size if left > size else left
            result.append((text, first, count))
            first += count
            left -= count
    return result


def running_sums(scores, size):
    largest, total = -math.inf, 0.0
    maxima, totals = [], []
    numbers = scores.tolist()
    for place, score in enumerate(numbers, start=1):
        if score > largest:
            total = total * math.exp(largest - score) + 1
            largest = score
        elif score > -math.inf:
            total += math.exp(score - largest)
        if place % size == 0 or place == len(numbers):
            maxima.append(largest)
            totals.append(total)
    return torch.tensor(maxima, dtype=scores.dtype), torch.tensor(totals, dtype=scores.dtype)


def _factor(maximum, largest):
    return 0.0 if maximum == -math.inf else math.exp(maximum - largest)


def merge(one, other):
    maxima, totals, contexts = [], [], []
    for query in range(len(one[0])):
        largest = max(one[0][query].item(), other[0][query].item())
        total, context = 0.0, [0.0] * one[2].shape[1]
        for half in one, other:
            factor = _factor(half[0][query].item(), largest)
            total += factor * half[1][query].item()
            for w in range(len(context)):
                context[w] += factor * half[2][query, w].item()
        maxima.append(largest)
        totals.append(total)
        contexts.append(context)
    return (
        torch.tensor(maxima, dtype=one[0].dtype),
        torch.tensor(totals, dtype=one[1].dtype),
        torch.tensor(contexts, dtype=one[2].dtype).reshape(one[2].shape),
    )


def scores_gradient(scores, log_sum_exp, context, values, grad_context):
    result = torch.zeros_like(scores)
    for q in range(scores.shape[0]):
        gradient = grad_context[q].tolist()
        mean = 0.0
        for g, c in zip(gradient, context[q].tolist()):
            mean += g * c
        for k in range(scores.shape[1]):
            slope = 0.0
            for g, v in zip(gradient, values[k].tolist()):
                slope += g * v
            prob = math.exp(scores[q, k].item() - log_sum_exp[q].item())
            result[q, k] = prob * (slope - mean)
    return result


def _multiply(a, b):
    """Upper and lower half of the product, a bit of b at a time from the top."""
    upper = lower = 0
    for place in range(31, -1, -1):
        lower = 2 * lower + (a if b >> place & 1 else 0)
        upper = 2 * upper
        while lower >= 1 << 32:
            lower -= 1 << 32
            upper += 1
    return upper, lower


def philox_round(counter, key):
    upper_first, lower_first = _multiply(counter[0], 0xD2511F53)
    upper_third, lower_third = _multiply(counter[2], 0xCD9E8D57)
    return (
        upper_third ^ counter[1] ^ key[0],
        lower_third,
        upper_first ^ counter[3] ^ key[1],
        lower_first,
    )
