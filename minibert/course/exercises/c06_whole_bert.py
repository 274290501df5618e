"""Chapter 06, the whole BERT: its parameters counted, its pooler, its two heads and their loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as torch_functional

from minibert.config import BertConfig
from minibert.course.drawing import normal
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.model import functional
from minibert.model.bert import Pooler
from minibert.model.heads import BertForPreTraining, MaskedLanguageHead

Sizes = dict[str, Any]
Weights = dict[str, Tensor]
PAGE = "06_whole_bert"

# --- count_parameters -----------------------------------------------------------------------------


def _count_parameters(config: Sizes) -> int:
    with torch.device("meta"):  # shapes without numbers
        model = BertForPreTraining(BertConfig(**config))
    return sum(parameter.numel() for parameter in model.parameters())


def _parts(config: Sizes) -> dict[str, int]:
    """The parameters of what is easily forgotten, or counted twice."""
    width, inner, vocabulary = (
        config[name] for name in ("hidden_size", "intermediate_size", "vocab_size")
    )
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    square = width * width + width  # a linear layer that keeps the width
    return {
        "biases": layers * (5 * width + inner) + 2 * width + vocabulary + 2,
        "norms": (layers * 2 + 2) * 2 * width,
        "norms' biases": (layers * 2 + 2) * width,
        "second norms": layers * 2 * width,
        "embeddings' norm": 2 * width,
        "pooler": square,
        "segments": config["type_vocab_size"] * width,
        "positions": config["max_position_embeddings"] * width,
        "decoder": vocabulary * width,
        "decoder's bias": vocabulary,
        "attention's output": layers * square,
        "way back": layers * (inner * width + width),
        "more heads": (heads - 1) * layers * 3 * square,
        "transform": square + 2 * width,
        "next sentence": 2 * width + 2,
    }


def _counted(*, without: str = "", twice: str = "") -> Callable[[Sizes], int]:
    def count(config: Sizes) -> int:
        parts = {"": 0, **_parts(config)}
        return _count_parameters(config) - parts[without] + parts[twice]

    return count


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
    reference=_count_parameters,
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
    mistakes=(
        Mistake("count-no-biases", "the biases left out", _counted(without="biases")),
        Mistake("count-no-norms", "the LayerNorms left out", _counted(without="norms")),
        Mistake(
            "count-norms-half",
            "one number for each width in a LayerNorm, which has a weight and a bias",
            _counted(without="norms' biases"),
        ),
        Mistake(
            "count-one-norm-a-layer",
            "one LayerNorm in each layer; there are two",
            _counted(without="second norms"),
        ),
        Mistake(
            "count-no-embedding-norm",
            "the LayerNorm of the embeddings left out",
            _counted(without="embeddings' norm"),
        ),
        Mistake("count-no-pooler", "the pooler left out", _counted(without="pooler")),
        Mistake("count-no-segments", "the segment table left out", _counted(without="segments")),
        Mistake(
            "count-no-positions",
            "the position table left out, as if positions were computed and not learnt",
            _counted(without="positions"),
        ),
        Mistake(
            "count-decoder-twice",
            "a decoder of its own: it is the token table, which is counted already",
            _counted(twice="decoder"),
        ),
        Mistake(
            "count-no-decoder-bias",
            "the decoder's bias left out: the table is shared, the bias is not",
            _counted(without="decoder's bias"),
        ),
        Mistake(
            "count-no-attention-output",
            "three linear layers in attention: the one behind the heads is missing",
            _counted(without="attention's output"),
        ),
        Mistake(
            "count-one-way-feed-forward",
            "a feed-forward network that does not come back to the width",
            _counted(without="way back"),
        ),
        Mistake(
            "count-each-head-whole",
            "query, key and value of the whole width for every head: the heads share the width",
            _counted(twice="more heads"),
        ),
        Mistake(
            "count-no-transform",
            "no linear layer and LayerNorm before the decoder",
            _counted(without="transform"),
        ),
        Mistake(
            "count-no-next-sentence",
            "the head for the next sentence left out",
            _counted(without="next sentence"),
        ),
    ),
)

# --- pooler ---------------------------------------------------------------------------------------


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
    mistakes=(
        Mistake(
            "pooler-no-tanh",
            "the tanh left out",
            lambda hidden, weight, bias: hidden[:, 0] @ weight.T + bias,
        ),
        Mistake(
            "pooler-last-token",
            "the last token in place of [CLS]",
            lambda hidden, weight, bias: torch.tanh(hidden[:, -1] @ weight.T + bias),
        ),
        Mistake(
            "pooler-mean",
            "the mean of all positions in place of [CLS]",
            lambda hidden, weight, bias: torch.tanh(hidden.mean(1) @ weight.T + bias),
        ),
        Mistake(
            "pooler-maximum",
            "the maximum over all positions in place of [CLS]",
            lambda hidden, weight, bias: torch.tanh(hidden.amax(1) @ weight.T + bias),
        ),
        Mistake(
            "pooler-first-sequence",
            "the first sequence in place of the first token of each: hidden[0], not hidden[:, 0]",
            lambda hidden, weight, bias: torch.tanh(hidden[0] @ weight.T + bias),
        ),
        Mistake(
            "pooler-every-token",
            "every token pooled: [CLS] is not picked out",
            lambda hidden, weight, bias: torch.tanh(hidden @ weight.T + bias),
        ),
        Mistake(
            "pooler-gelu",
            "GELU in place of tanh",
            lambda hidden, weight, bias: functional.gelu(hidden[:, 0] @ weight.T + bias),
        ),
        Mistake(
            "pooler-no-bias",
            "the bias left out",
            lambda hidden, weight, bias: torch.tanh(hidden[:, 0] @ weight.T),
        ),
        Mistake(
            "pooler-weight-untransposed",
            "x @ weight: torch keeps the weight as (out, in), so it is x @ weight.T",
            lambda hidden, weight, bias: torch.tanh(hidden[:, 0] @ weight + bias),
        ),
    ),
)

# --- masked_lm_logits -----------------------------------------------------------------------------


def _masked_lm_logits(hidden: Tensor, weights: Weights, token_table: Tensor) -> Tensor:
    vocabulary, width = token_table.shape
    config = BertConfig(vocab_size=vocabulary, hidden_size=width, num_attention_heads=1)
    with torch.device("meta"):
        module = MaskedLanguageHead(config)
    return functional_call(module, weights, (hidden, token_table))


def _unchanged(x: Tensor) -> Tensor:
    return x


def _word_head(
    activation: Callable[[Tensor], Tensor] = functional.gelu,
    norm: bool = True,
    eps: float = 1e-12,
    dense_bias: bool = True,
    decoder_bias: bool = True,
    transposed: bool = False,
    residual: bool = False,
) -> Callable[[Tensor, Weights, Tensor], Tensor]:
    """The head with something about it changed."""

    def logits(hidden: Tensor, weights: Weights, token_table: Tensor) -> Tensor:
        weight, bias = weights["dense.weight"], weights["dense.bias"]
        x = hidden @ (weight if transposed else weight.T)
        x = activation(x + bias if dense_bias else x)
        if residual:
            x = x + hidden
        if norm:
            x = functional.layer_norm(x, weights["norm.weight"], weights["norm.bias"], eps)
        x = x @ token_table.T
        return x + weights["bias"] if decoder_bias else x

    return logits


def _norm_before_gelu(hidden: Tensor, weights: Weights, token_table: Tensor) -> Tensor:
    x = torch_functional.linear(hidden, weights["dense.weight"], weights["dense.bias"])
    x = functional.layer_norm(x, weights["norm.weight"], weights["norm.bias"], 1e-12)
    return functional.gelu(x) @ token_table.T + weights["bias"]


def _unbiased_variance(hidden: Tensor, weights: Weights, token_table: Tensor) -> Tensor:
    x = torch_functional.linear(hidden, weights["dense.weight"], weights["dense.bias"])
    x = functional.gelu(x)
    x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
    return (x * weights["norm.weight"] + weights["norm.bias"]) @ token_table.T + weights["bias"]


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
    reference=_masked_lm_logits,
    probes=_word_heads,
    hints=(
        "Transform first, then compare with every row of the token table.",
        "The transform: linear, GELU (with erf), LayerNorm, in this order.",
        "The comparison: x @ token_table.T + the bias, of one number for each word piece.",
    ),
    page=f"{PAGE}: The pooler, and the heads of pretraining",
    mistakes=(
        Mistake("mlm-no-gelu", "the GELU left out", _word_head(activation=_unchanged)),
        Mistake("mlm-no-norm", "the LayerNorm left out", _word_head(norm=False)),
        Mistake("mlm-norm-before-gelu", "LayerNorm before GELU", _norm_before_gelu),
        Mistake(
            "mlm-tanh",
            "tanh as in the pooler; this transform has GELU",
            _word_head(activation=torch.tanh),
        ),
        Mistake(
            "mlm-gelu-tanh",
            "the tanh approximation of GELU; BERT's first release has erf",
            _word_head(activation=functional.gelu_tanh),
        ),
        Mistake("mlm-relu", "ReLU in place of GELU", _word_head(activation=torch.relu)),
        Mistake(
            "mlm-unbiased-variance",
            "a variance divided by D - 1; LayerNorm divides by D",
            _unbiased_variance,
        ),
        Mistake("mlm-eps", "eps 1e-5, torch's own; BERT's is 1e-12", _word_head(eps=1e-5)),
        Mistake(
            "mlm-no-dense-bias",
            "the bias of the linear layer left out",
            _word_head(dense_bias=False),
        ),
        Mistake("mlm-no-bias", "the decoder's bias left out", _word_head(decoder_bias=False)),
        Mistake(
            "mlm-weight-untransposed",
            'x @ weights["dense.weight"]: torch keeps it as (out, in), so transpose it',
            _word_head(transposed=True),
        ),
        Mistake(
            "mlm-residual",
            "the input added before the LayerNorm, as in a layer; this head has no residual",
            _word_head(residual=True),
        ),
        Mistake(
            "mlm-no-transform",
            "the hidden states compared with the table at once, without the transform",
            lambda hidden, weights, table: hidden @ table.T + weights["bias"],
        ),
        Mistake(
            "mlm-probabilities",
            "a softmax at the end: logits are asked for, and the loss takes the softmax",
            lambda *arguments: torch.softmax(_masked_lm_logits(*arguments), -1),
        ),
    ),
)

# --- pretraining_loss -----------------------------------------------------------------------------


def _pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    return _word_loss(prediction_logits, labels) + _next_loss(next_logits, is_next)


def _word_loss(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    return functional.cross_entropy(logits, labels, reduction=reduction)


def _next_loss(logits: Tensor, is_next: Tensor, reduction: str = "mean") -> Tensor:
    return functional.cross_entropy(logits, (~is_next).long(), reduction=reduction)


def _mean_of_sequences(logits: Tensor, labels: Tensor) -> Tensor:
    losses = [_word_loss(*one) for one in zip(logits, labels, strict=True)]
    return torch.stack(losses).mean()


def _over_all_positions(logits: Tensor, labels: Tensor) -> Tensor:
    return _word_loss(logits, labels, "none").mean()


def _over_all_terms(logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor) -> Tensor:
    total = _word_loss(logits, labels, "sum") + _next_loss(next_logits, is_next, "sum")
    return total / ((labels != -100).sum() + len(is_next))


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
    reference=_pretraining_loss,
    probes=_batches,
    hints=(
        "Two cross-entropies, each a mean of its own, added.",
        "The first mean is over the labels that are not -100; if there is none, it is 0.",
        'Column 0 of next_logits scores "is next": where is_next is True, the class is 0.',
    ),
    page=f"{PAGE}: The pooler, and the heads of pretraining",
    mistakes=(
        Mistake(
            "pretraining-over-all-positions",
            "the words' loss divided by all positions, and not by those that are masked",
            lambda logits, labels, scores, follows: (
                _over_all_positions(logits, labels) + _next_loss(scores, follows)
            ),
        ),
        Mistake(
            "pretraining-ignored-counted",
            "the label -100 counted as word piece 0",
            lambda logits, labels, scores, follows: (
                _word_loss(logits, labels.clamp(min=0)) + _next_loss(scores, follows)
            ),
        ),
        Mistake(
            "pretraining-next-swapped",
            'class 1 for "is next"; in BERT that is class 0',
            lambda logits, labels, scores, follows: (
                _word_loss(logits, labels) + _next_loss(scores, ~follows)
            ),
        ),
        Mistake(
            "pretraining-averaged",
            "the mean of the two losses; they are added",
            lambda *arguments: _pretraining_loss(*arguments) / 2,
        ),
        Mistake(
            "pretraining-one-denominator",
            "one mean over masked words and sequences together; each loss has its own",
            _over_all_terms,
        ),
        Mistake(
            "pretraining-word-sum",
            "the sum over the masked words; their mean is asked for",
            lambda logits, labels, scores, follows: (
                _word_loss(logits, labels, "sum") + _next_loss(scores, follows)
            ),
        ),
        Mistake(
            "pretraining-mean-of-sequences",
            "a mean for each sequence first; every masked word counts the same",
            lambda logits, labels, scores, follows: (
                _mean_of_sequences(logits, labels) + _next_loss(scores, follows)
            ),
        ),
        Mistake(
            "pretraining-nan",
            "0 / 0 where no word is masked: that loss is 0 then",
            lambda logits, labels, scores, follows: (
                torch_functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
                + _next_loss(scores, follows)
            ),
        ),
        Mistake(
            "pretraining-words-alone",
            "the words' loss alone",
            lambda logits, labels, scores, follows: _word_loss(logits, labels),
        ),
        Mistake(
            "pretraining-next-alone",
            "the loss of the next sentence alone",
            lambda logits, labels, scores, follows: _next_loss(scores, follows),
        ),
    ),
)

EXERCISES = (COUNT_PARAMETERS, POOLER, MASKED_LM_LOGITS, PRETRAINING_LOSS)
