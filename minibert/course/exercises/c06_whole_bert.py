"""Chapter 06, the whole BERT: its parameters counted, its pooler, its two heads and their loss."""

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from minibert.config import BertConfig
from minibert.course.drawing import normal
from minibert.course.exercise import Exercise, Probe
from minibert.model import functional
from minibert.model.bert import Pooler
from minibert.model.heads import BertForPreTraining, MaskedLanguageHead

Sizes = dict[str, Any]
Weights = dict[str, Tensor]
PAGE = "06_whole_bert"


def count_parameters(config: Sizes) -> int:
    """All numbers of a BERT with both heads of pretraining."""
    with torch.device("meta"):  # shapes without numbers
        model = BertForPreTraining(BertConfig(**config))
    return sum(parameter.numel() for parameter in model.parameters())


def _sizes(generator: torch.Generator) -> list[Probe]:
    drawn = torch.randperm(9, generator=generator).tolist()
    odd = {
        "vocab_size": 101 + drawn[0],
        "hidden_size": 4 * (5 + drawn[1]),
        "num_hidden_layers": 3 + drawn[2],
        "num_attention_heads": 4,
        "intermediate_size": 131 + drawn[3],
        "max_position_embeddings": 37 + drawn[4],
        "type_vocab_size": 3 + drawn[5],
    }
    names = odd.keys()
    base = BertConfig.base()
    return [
        Probe("BERT-base", ({name: getattr(base, name) for name in names},)),
        Probe("sizes that nobody uses", (odd,)),
        Probe("one layer", ({**odd, "num_hidden_layers": 1},)),
    ]


COUNT_PARAMETERS = Exercise(
    name="count_parameters",
    title="How many parameters has BERT?",
    points=3,
    difficulty=2,
    minutes=15,
    reference=count_parameters,
    probes=_sizes,
    hints=(
        "Make a list first: three tables and a LayerNorm; in each layer four linear layers of "
        "attention, two of feed-forward, two LayerNorms; the pooler; two heads.",
        "A linear layer from m to n has m * n + n parameters, a LayerNorm twice the width. How "
        "many heads share the width makes no difference.",
        "The decoder of the word head is the token table, counted already: of its own it has a "
        "bias for each word piece. Before it come a linear layer and a LayerNorm; the head for the "
        "next sentence is linear, from the width to 2.",
    ),
    page=f"{PAGE}: Parameters: by hand",
)


def _pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    with torch.device("meta"):
        module = Pooler(BertConfig(hidden_size=len(bias), num_attention_heads=1))
    return functional_call(module, {"dense.weight": weight, "dense.bias": bias}, hidden[:, 0])


def _states(generator: torch.Generator) -> list[Probe]:
    def arguments(batch: int, length: int, width: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return (
            normal(generator, batch, length, width, dtype=dtype),
            normal(generator, width, width, dtype=dtype),
            normal(generator, width, dtype=dtype),
        )

    return [
        Probe("two sequences", arguments(2, 5, 4, torch.float64), gradients=(0, 1, 2)),
        Probe("one sequence", arguments(1, 3, 6, torch.float64)),
        Probe("float32", arguments(3, 2, 5, torch.float32)),
    ]


POOLER = Exercise(
    name="pooler",
    title="The sequence in one vector",
    points=1,
    difficulty=1,
    minutes=5,
    reference=_pooler,
    probes=_states,
    hints=(
        "It reads one position of each sequence: that of [CLS].",
        "A linear layer as torch keeps it: weight (out, in), so x @ weight.T + bias. Then tanh.",
    ),
    page=f"{PAGE}: The pooler, and the heads of pretraining",
)


def masked_lm_logits(hidden: Tensor, weights: Weights, token_table: Tensor) -> Tensor:
    """The library's own head for masked words, with these weights."""
    vocabulary, width = token_table.shape
    config = BertConfig(vocab_size=vocabulary, hidden_size=width, num_attention_heads=1)
    with torch.device("meta"):
        module = MaskedLanguageHead(config)
    return functional_call(module, weights, (hidden, token_table))


def _word_heads(generator: torch.Generator) -> list[Probe]:
    def arguments(
        batch: int, length: int, width: int, vocabulary: int, dtype: torch.dtype
    ) -> tuple[Any, ...]:
        weights = {
            "dense.weight": normal(generator, width, width, dtype=dtype),
            "dense.bias": normal(generator, width, dtype=dtype),
            "norm.weight": 1 + 0.3 * normal(generator, width, dtype=dtype),
            "norm.bias": normal(generator, width, dtype=dtype),
            "bias": normal(generator, vocabulary, dtype=dtype),
        }
        hidden = normal(generator, batch, length, width, dtype=dtype)
        return hidden, weights, normal(generator, vocabulary, width, dtype=dtype)

    hidden, weights, table = arguments(2, 3, 4, 7, torch.float64)
    small = {**weights, "dense.bias": weights["dense.bias"] / 1000}
    return [
        Probe("two sequences", (hidden, weights, table), gradients=(0, 2)),
        Probe("hidden states near 0, so that eps shows", (hidden / 1000, small, table)),
        Probe("one sequence, float32", arguments(1, 5, 6, 3, torch.float32)),
    ]


MASKED_LM_LOGITS = Exercise(
    name="masked_lm_logits",
    title="A score for every word piece",
    points=3,
    difficulty=2,
    minutes=15,
    reference=masked_lm_logits,
    probes=_word_heads,
    hints=(
        "Transform first, then compare with every row of the token table.",
        "The transform: linear, GELU (with erf), LayerNorm, in this order.",
        "The comparison: x @ token_table.T + the bias, of one number for each word piece.",
    ),
    page=f"{PAGE}: The pooler, and the heads of pretraining",
)


def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    """The mean over masked words plus the mean over sequences."""
    return word_loss(prediction_logits, labels) + next_loss(next_logits, is_next)


def word_loss(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the masked words; -100 does not count."""
    return functional.cross_entropy(logits, labels, reduction=reduction)


def next_loss(logits: Tensor, is_next: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the next sentence, where class 0 is "is next"."""
    return functional.cross_entropy(logits, (~is_next).long(), reduction=reduction)


def _batches(generator: torch.Generator) -> list[Probe]:
    def arguments(masked: list[list[int]], dtype: torch.dtype) -> list[Tensor]:
        """masked: 1 where a word is masked, a list for each sequence."""
        where = torch.tensor(masked) == 1
        batch, length, vocabulary = *where.shape, 7
        words = torch.randint(vocabulary, (batch, length), generator=generator)
        return [
            normal(generator, batch, length, vocabulary, dtype=dtype),
            words.where(where, -100),
            normal(generator, batch, 2, dtype=dtype),
            torch.arange(batch) % 3 == 0,
        ]

    few = [[0, 1, 0, 0, 0], [1, 1, 0, 1, 0], [0, 0, 1, 0, 1]]
    none = [[0, 0, 0], [0, 0, 0]]
    return [
        Probe("some words masked", tuple(arguments(few, torch.float64)), gradients=(0, 2)),
        Probe("one sequence, float32", tuple(arguments([[1, 0, 1, 0]], torch.float32))),
        Probe("no word masked", tuple(arguments(none, torch.float64))),
    ]


PRETRAINING_LOSS = Exercise(
    name="pretraining_loss",
    title="What BERT was trained on",
    points=2,
    difficulty=2,
    minutes=15,
    reference=pretraining_loss,
    probes=_batches,
    hints=(
        "Two cross-entropies, each a mean of its own, added.",
        "The first mean is over the labels that are not -100; if there is none, it is 0.",
        'Column 0 of next_logits scores "is next": where is_next is True, the class is 0.',
    ),
    page=f"{PAGE}: The pooler, and the heads of pretraining",
)

EXERCISES = (COUNT_PARAMETERS, POOLER, MASKED_LM_LOGITS, PRETRAINING_LOSS)
