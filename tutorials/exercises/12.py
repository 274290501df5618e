"""Chapter 12, From the formula to a kernel.

Copy this file, fill it in, and run: minibert check 12 my_12.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    """What each program computes: the text's number, its first query there, how many queries.

    Texts lie end to end; text i begins at cu_seqlens[i] and ends before cu_seqlens[i + 1]. Each is
    cut into tiles of `size` queries, counted from the text's own beginning; the last tile of a text
    may hold fewer. Texts in their order, tiles in theirs. An empty text has no program.

    >>> programs([0, 3, 8], 2)
    [(0, 0, 2), (0, 2, 1), (1, 0, 2), (1, 2, 2), (1, 4, 1)]

    2 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def running_sums(scores: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The maximum and the total of a query's softmax after each tile, as online softmax has them.

    scores (S,): of one query, S at least 1, all finite. They are seen `size` at a time; the last
    tile may hold fewer. -> two tensors of the scores' dtype with a number for each tile: the
    largest score so far, and the sum of exp(score - largest so far) over all scores so far. Scores
    may be enormous, of either sign.

    >>> running_sums(torch.tensor([0.0, 0.0, 0.0, 100.0, 100.0]), 2)
    (tensor([  0., 100., 100.]), tensor([2., 1., 2.]))

    3 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def merge(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """What some queries would have gathered, had they seen the keys of both halves.

    A half is (maximum, total, context): for each query the largest score (Q,), the sum of
    exp(score - maximum) (Q,), and the values' sum, weighted with those powers and not yet divided
    by the total (Q, W). Where a query has seen no key its maximum is minus infinity, its total and
    context 0; if neither half has seen one, so has the result. Scores may be enormous. All keep
    their dtype.

    >>> half = torch.tensor([5.0]), torch.tensor([2.0]), torch.tensor([[1.0, 4.0]])
    >>> nothing = torch.tensor([-torch.inf]), torch.tensor([0.0]), torch.tensor([[0.0, 0.0]])
    >>> merge(half, half)
    (tensor([5.]), tensor([4.]), tensor([[2., 8.]]))
    >>> merge(half, nothing)
    (tensor([5.]), tensor([2.]), tensor([[1., 4.]]))

    3 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    """The gradient of the scores, from what is kept of the forward pass.

    scores (Q, K), already scaled, and values (K, W): of all keys or of a tile of them. Of all keys
    in any case: log_sum_exp (Q,), the logarithm of the sum of exp(scores); context (Q, W), the
    result; grad_context (Q, W), its gradient. All are finite. -> (Q, K).

    >>> scores_gradient(
    ...     torch.tensor([[0.0, 0.0]]),
    ...     torch.tensor([2.0]).log(),
    ...     torch.tensor([[2.0]]),
    ...     torch.tensor([[1.0], [3.0]]),
    ...     torch.tensor([[4.0]]),
    ... )
    tensor([[-2.,  2.]])

    4 points, difficulty 4 of 5, about 15 minutes.
    """
    raise NotImplementedError


def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    """One round of Philox: four words of 32 bits, scrambled under a key of two.

    Multiply the first word by 0xD2511F53 and the third by 0xCD9E8D57. Each product has an upper and
    a lower half of 32 bits. The result, with ^ for "exclusive or":

        upper half of the third's product ^ second word ^ first of the key
        lower half of the third's product
        upper half of the first's product ^ fourth word ^ second of the key
        lower half of the first's product

    >>> philox_round((0, 7, 0, 9), (1, 2))
    (6, 0, 11, 0)
    >>> [hex(word) for word in philox_round((2, 0, 4, 0), (0, 0))]
    ['0x3', '0x367a355c', '0x1', '0xa4a23ea6']

    3 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError
