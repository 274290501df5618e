"""Chapter 6, The whole BERT.

Copy this file, fill it in, and run: minibert check 06 my_06.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def count_parameters(config: dict[str, int]) -> int:
    """How many parameters a BERT of these sizes has, as it was pretrained.

    That is: the three tables and their LayerNorm, the encoder, the pooler, the head for masked
    words and the head for the next sentence. The decoder of masked words is the token table, which
    counts once; its bias is a number for each word piece. Work it out from the sizes.

    config: vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size,
    max_position_embeddings, type_vocab_size -> a whole number.

    >>> count_parameters({"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12,
    ...     "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512,
    ...     "type_vocab_size": 2})
    110106428

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError


def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The sequence in one vector: the state of [CLS] through a linear layer and tanh.

    hidden (B, S, D), weight (D, D) as torch keeps it, that is (out, in), bias (D,) -> (B, D).

    >>> hidden = torch.tensor([[[1.0, 0.0], [5.0, 5.0]]])  # one sequence: [CLS] and a word
    >>> pooler(hidden, torch.tensor([[0.5, 2.0], [1.0, 0.0]]), torch.tensor([0.0, -1.0]))
    tensor([[0.4621, 0.0000]])

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    """A score for every word piece at every position: the head for masked words.

    First the transform: a linear layer, GELU (x * the chance that a standard normal is below x,
    with erf), LayerNorm (eps 1e-12). Then the product with every row of the token table, plus a
    bias for each word piece. You may use what you wrote in chapter 5, or torch's own.

    hidden (B, S, D), token_table (V, D) -> (B, S, V), the same dtype. weights: "dense.weight"
    (D, D), "dense.bias" (D,), "norm.weight" (D,), "norm.bias" (D,), "bias" (V,).

    >>> weights = {"dense.weight": torch.eye(2), "dense.bias": torch.zeros(2),
    ...     "norm.weight": torch.ones(2), "norm.bias": torch.zeros(2), "bias": torch.ones(3)}
    >>> table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> masked_lm_logits(torch.tensor([[[3.0, 1.0]]]), weights, table)
    tensor([[[2.0000, 0.0000, 2.0000]]])

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError


def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    """What BERT was trained on: the loss of the masked words plus that of the next sentence.

    Each is a mean of cross-entropies: over the masked words, and over the sequences. Where no word
    is masked, the first is 0. You may use torch's cross-entropy.

    prediction_logits (B, S, V), labels (B, S) of word pieces, -100 where no word is masked;
    next_logits (B, 2), of which column 0 scores "is next", column 1 "is not"; is_next (B,) of True
    and False -> a tensor without dimensions.

    >>> words = torch.zeros(1, 3, 4)  # every word piece is as likely as any other: ln(4) = 1.3863
    >>> pretraining_loss(
    ...     words, torch.tensor([[-100, 2, -100]]), torch.tensor([[1.0, 0.0]]), torch.tensor([True])
    ... )
    tensor(1.6996)

    2 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError
