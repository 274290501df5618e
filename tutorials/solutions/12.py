"""Chapter 12, From the formula to a kernel: model answers."""

import torch
from torch import Tensor


def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    found = []
    for text in range(len(cu_seqlens) - 1):
        length = cu_seqlens[text + 1] - cu_seqlens[text]
        for first in range(0, length, size):
            found.append((text, first, min(size, length - first)))
    return found


def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maximum, total = scores.new_tensor(-torch.inf), scores.new_tensor(0.0)
    maxima, totals = [], []
    for tile in scores.split(size):
        new_maximum = torch.maximum(maximum, tile.max())
        shrink = torch.exp(maximum - new_maximum)
        total = total * shrink + torch.exp(tile - new_maximum).sum()
        maximum = new_maximum
        maxima.append(maximum)
        totals.append(total)
    return torch.stack(maxima), torch.stack(totals)


def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    maximum = torch.maximum(one[0], other[0])
    finite = maximum.masked_fill(maximum == -torch.inf, 0.0)  # where nothing has been seen
    first, second = torch.exp(one[0] - finite), torch.exp(other[0] - finite)
    total = one[1] * first + other[1] * second
    context = one[2] * first[:, None] + other[2] * second[:, None]
    return maximum, total, context


def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    probs = torch.exp(scores - log_sum_exp[:, None])
    grad_probs = grad_context @ values.T
    delta = (context * grad_context).sum(-1)
    return probs * (grad_probs - delta[:, None])


def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    first, second, third, fourth = counter
    left, right = first * 0xD2511F53, third * 0xCD9E8D57
    upper_left, lower_left = left >> 32, left & 0xFFFFFFFF
    upper_right, lower_right = right >> 32, right & 0xFFFFFFFF
    return upper_right ^ second ^ key[0], lower_right, upper_left ^ fourth ^ key[1], lower_left
