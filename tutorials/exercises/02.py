"""Chapter 2, Embeddings.

Copy this file, fill it in, and run: minibert check 02 my_02.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def embed(
    input_ids: Tensor,
    token_type_ids: Tensor,
    token_table: Tensor,
    position_table: Tensor,
    segment_table: Tensor,
) -> Tensor:
    """The sum of three rows for each token: of its id, of its place, and of its segment.

    input_ids, token_type_ids (B, S), of whole numbers; token_table (V, D), position_table with at
    least S rows, segment_table -> (B, S, D). Places count from 0 in each sequence, padding or not.
    Gradients must reach the tables. (Without LayerNorm: you write that in chapter 5.)

    >>> tokens = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    >>> places = torch.tensor([[10.0, 0.0], [20.0, 0.0], [30.0, 0.0]])
    >>> segments = torch.tensor([[0.0, 100.0], [0.0, 200.0]])
    >>> embed(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]), tokens, places, segments)
    tensor([[[ 12., 102.],
             [ 21., 201.]]])

    3 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def cosine_similarity(rows: Tensor) -> Tensor:
    """The cosine of the angle between any two rows.

    rows (N, D) -> (N, N), of the same dtype: row i and row j multiplied, divided by both lengths.
    A row of zeros has the cosine 0 with every row, itself included.

    >>> cosine_similarity(torch.tensor([[2.0, 0.0], [3.0, 3.0], [-1.0, 0.0]]))
    tensor([[ 1.0000,  0.7071, -1.0000],
            [ 0.7071,  1.0000, -0.7071],
            [-1.0000, -0.7071,  1.0000]])

    3 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    """The numbers of the rows that are most alike to one row, by their cosine.

    table (N, D); row: the number of that row, which is not among the answers -> `count` numbers,
    the most similar first; fewer if the table has no more rows. A copy of the row is an answer.

    >>> neighbours(torch.tensor([[1.0, 0.0], [0.0, 5.0], [2.0, 0.1], [1.0, 1.0]]), 0, 2)
    [2, 3]

    3 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError
