"""Chapter 4, Multi-head attention.

Copy this file, fill it in, and run: minibert check 04 my_04.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Cut the hidden dimension into heads: head h gets the h-th slice of width W = D / H.

    x (B, S, D), heads H -> (B, H, S, W)

    >>> split_heads(torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2)
    tensor([[[[1, 2],
              [5, 6]],
    <BLANKLINE>
             [[3, 4],
              [7, 8]]]])

    2 points, difficulty 2 of 5, about 8 minutes.
    """
    raise NotImplementedError


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side again: what `split_heads` has done is undone.

    x (B, H, S, W) -> (B, S, D), with D = H * W

    >>> merge_heads(torch.tensor([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]))
    tensor([[[1, 2, 3, 4],
             [5, 6, 7, 8]]])

    2 points, difficulty 2 of 5, about 6 minutes.
    """
    raise NotImplementedError


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    """Which keys are real tokens, in a batch that is filled up on the right.

    lengths (B,), of whole numbers from 0 to size; size S -> (B, 1, 1, S), of booleans: True for
    the first lengths[b] places of sequence b. The two ones stand for heads and queries.

    >>> padding_mask(torch.tensor([2, 3]), 3)
    tensor([[[[ True,  True, False]]],
    <BLANKLINE>
    <BLANKLINE>
            [[[ True,  True,  True]]]])

    2 points, difficulty 1 of 5, about 6 minutes.
    """
    raise NotImplementedError


def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    """Multi-head self-attention: project, cut, attend in each head, lay side by side, project.

    hidden (B, S, D); weights: "query.weight" (D, D) and "query.bias" (D,), and the same for "key",
    "value" and "output", kept as torch's linear layers keep them: x @ weight^T + bias; mask
    (B, 1, 1, S), True = attend, or None -> (B, S, D). In a sequence with no key left, the heads
    give 0, and the output projection its bias.

    >>> same = {"weight": torch.eye(2), "bias": torch.zeros(2)}
    >>> names = ("query", "key", "value", "output")
    >>> weights = {f"{name}.{part}": same[part] for name in names for part in same}
    >>> self_attention(torch.tensor([[[4.0, 0.0], [0.0, 4.0]]]), weights, 2, None)
    tensor([[[4.0000, 2.0000],
             [2.0000, 4.0000]]])

    5 points, difficulty 3 of 5, about 20 minutes.
    """
    raise NotImplementedError
