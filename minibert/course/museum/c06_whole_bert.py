"""What goes wrong in chapter 6: the mistakes that people make in its exercises."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as torch_functional

from minibert.course.exercise import Mistake
from minibert.course.exercises.c06_whole_bert import (
    Sizes,
    Weights,
    count_parameters,
    masked_lm_logits,
    next_loss,
    pretraining_loss,
    word_loss,
)
from minibert.model import functional


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
        return count_parameters(config) - parts[without] + parts[twice]

    return count


COUNT_PARAMETERS_MISTAKES = (
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
)


POOLER_MISTAKES = (
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
)


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


MASKED_LM_LOGITS_MISTAKES = (
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
        lambda *arguments: torch.softmax(masked_lm_logits(*arguments), -1),
    ),
)


def _mean_of_sequences(logits: Tensor, labels: Tensor) -> Tensor:
    losses = [word_loss(*one) for one in zip(logits, labels, strict=True)]
    return torch.stack(losses).mean()


def _over_all_positions(logits: Tensor, labels: Tensor) -> Tensor:
    return word_loss(logits, labels, "none").mean()


def _over_all_terms(logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor) -> Tensor:
    total = word_loss(logits, labels, "sum") + next_loss(next_logits, is_next, "sum")
    return total / ((labels != -100).sum() + len(is_next))


PRETRAINING_LOSS_MISTAKES = (
    Mistake(
        "pretraining-over-all-positions",
        "the words' loss divided by all positions, and not by those that are masked",
        lambda logits, labels, scores, follows: (
            _over_all_positions(logits, labels) + next_loss(scores, follows)
        ),
    ),
    Mistake(
        "pretraining-ignored-counted",
        "the label -100 counted as word piece 0",
        lambda logits, labels, scores, follows: (
            word_loss(logits, labels.clamp(min=0)) + next_loss(scores, follows)
        ),
    ),
    Mistake(
        "pretraining-next-swapped",
        'class 1 for "is next"; in BERT that is class 0',
        lambda logits, labels, scores, follows: (
            word_loss(logits, labels) + next_loss(scores, ~follows)
        ),
    ),
    Mistake(
        "pretraining-averaged",
        "the mean of the two losses; they are added",
        lambda *arguments: pretraining_loss(*arguments) / 2,
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
            word_loss(logits, labels, "sum") + next_loss(scores, follows)
        ),
    ),
    Mistake(
        "pretraining-mean-of-sequences",
        "a mean for each sequence first; every masked word counts the same",
        lambda logits, labels, scores, follows: (
            _mean_of_sequences(logits, labels) + next_loss(scores, follows)
        ),
    ),
    Mistake(
        "pretraining-nan",
        "0 / 0 where no word is masked: that loss is 0 then",
        lambda logits, labels, scores, follows: (
            torch_functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            + next_loss(scores, follows)
        ),
    ),
    Mistake(
        "pretraining-words-alone",
        "the words' loss alone",
        lambda logits, labels, scores, follows: word_loss(logits, labels),
    ),
    Mistake(
        "pretraining-next-alone",
        "the loss of the next sentence alone",
        lambda logits, labels, scores, follows: next_loss(scores, follows),
    ),
)

MISTAKES = {
    "count_parameters": COUNT_PARAMETERS_MISTAKES,
    "pooler": POOLER_MISTAKES,
    "masked_lm_logits": MASKED_LM_LOGITS_MISTAKES,
    "pretraining_loss": PRETRAINING_LOSS_MISTAKES,
}
