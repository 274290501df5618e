"""Parity with `transformers`, the reference: what runs through the model, and back through it.

`check_parity` compares everything that has a name, under the tolerances of the design: hidden
states and attention probabilities of every layer, all outputs, the gradients of every parameter and
of the input embeddings. Each model of ours reaches `transformers` through `save_pretrained`, so its
tensors' names are held to theirs as well. The last tests break our model on purpose and expect
`check_parity` to notice.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor, nn

import minibert
from minibert import BertConfig
from minibert.checkpoint import find, names
from minibert.trace import record

HEADS = {
    "BertModel": {},
    "BertForSequenceClassification": {"num_labels": 3},
    "regression": {"num_labels": 1},
    "BertForMultipleChoice": {},
    "BertForTokenClassification": {"num_labels": 5},
    "BertForQuestionAnswering": {},
    "BertForMaskedLM": {},
    "BertForNextSentencePrediction": {},
    "BertForPreTraining": {},
}
OUTPUTS = (  # theirs, ours
    ("last_hidden_state", "last_hidden_state"),
    ("pooler_output", "pooled_output"),
    ("logits", "logits"),
    ("start_logits", "start_logits"),
    ("end_logits", "end_logits"),
    ("prediction_logits", "prediction_logits"),
    ("seq_relationship_logits", "seq_relationship_logits"),
)
CHOICES = 2
MASK = torch.tensor(
    [
        [1, 1, 1, 1, 1, 1, 1, 1, 1],  # whole
        [1, 1, 1, 1, 1, 0, 0, 0, 0],  # right padding
        [1, 1, 0, 0, 1, 1, 0, 1, 1],  # holes
        [0, 0, 0, 1, 1, 1, 1, 1, 1],  # left padding
    ]
)


# The two models and their input


def make_batch(config: BertConfig) -> dict[str, Tensor]:
    """Random word pieces, [PAD] wherever the mask is 0 and once where it is 1; two segments."""
    generator = torch.Generator().manual_seed(1)
    input_ids = torch.randint(1, config.vocab_size, MASK.shape, generator=generator) * MASK
    input_ids[0, 4] = config.pad_token_id
    token_type_ids = (torch.arange(MASK.shape[1]) >= torch.tensor([[3], [2], [5], [6]])).long()
    return {"input_ids": input_ids, "attention_mask": MASK, "token_type_ids": token_type_ids}


def make_ours(head: str, config: BertConfig) -> nn.Module:
    torch.manual_seed(0)
    name = "BertForSequenceClassification" if head == "regression" else head
    return getattr(minibert, name)(config, **HEADS[head])


def load_theirs(ours: nn.Module, directory: Path) -> nn.Module:
    """The model of `transformers` with the same class name, loaded from what ours saved."""
    ours.save_pretrained(directory)
    theirs, info = getattr(transformers, type(ours).__name__).from_pretrained(
        directory, attn_implementation="eager", output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    return theirs


def attend_by(model: nn.Module, way: str) -> None:
    getattr(model, "bert", model).attention = way


# What is compared


@dataclass
class Passes:
    """What one pass forward and one back give, under our names for stages, theirs for weights."""

    values: dict[str, Tensor]
    gradients: dict[str, Tensor]


def real(value: Tensor) -> Tensor:
    """The part of `value` that belongs to tokens with mask 1: (tokens, ...), or (sequences, ...).

    What comes from a whole sequence comes from its first token. (B, H, S, S) are probabilities, and
    their third dimension asks.
    """
    if value.dim() == 4:
        value = value.transpose(1, 2)
    if value.shape[:2] == MASK.shape:
        return value[MASK.bool()]
    return value.view(len(MASK), -1)[MASK[:, 0].bool()]


def pass_through(model: nn.Module, batch: dict[str, Tensor]) -> Passes:
    """One pass through our model."""
    extra = {"num_choices": CHOICES} if isinstance(model, minibert.BertForMultipleChoice) else {}
    with record() as stages:
        outputs = model(**batch, **extra)._asdict()
    passes = pass_back(model, stages | outputs, list(outputs), stages["embeddings.token"])
    passes.gradients = {
        name if name == "embeddings.token" else names.theirs(name): gradient
        for name, gradient in passes.gradients.items()
    }
    return passes


def pass_through_theirs(model: nn.Module, batch: dict[str, Tensor]) -> Passes:
    """One pass through theirs.

    In training mode their probabilities are given after dropout, and so is the embeddings' output,
    which then are not comparable.
    """
    if isinstance(model, transformers.BertForMultipleChoice):
        batch = {name: ids.view(-1, CHOICES, ids.shape[1]) for name, ids in batch.items()}
    looked_up = []
    words = model.get_input_embeddings()
    hook = words.register_forward_hook(lambda module, given, result: looked_up.append(result))
    result = model(**batch, output_hidden_states=True, output_attentions=True)
    hook.remove()

    values = {}
    if not model.training:
        values["embeddings.output"] = result.hidden_states[0]
    for index, attention in enumerate(result.attentions):
        if not model.training:
            values[f"layers.{index}.attention.probs"] = attention
        values[f"layers.{index}.output"] = result.hidden_states[index + 1]
    outputs = [ours for theirs, ours in OUTPUTS if result.get(theirs) is not None]
    values |= {ours: result[theirs] for theirs, ours in OUTPUTS if ours in outputs}
    return pass_back(model, values, outputs, looked_up[0])


def pass_back(
    model: nn.Module, values: dict[str, Tensor], outputs: list[str], tokens: Tensor
) -> Passes:
    """Send a gradient, different for each element, back from the real part of each output."""
    kinds = ("embeddings.output", "attention.probs", "output", *outputs)
    values = {name: real(value) for name, value in values.items() if name.endswith(kinds)}
    tokens.retain_grad()
    whole = 0
    for name in outputs:
        weights = torch.arange(values[name].numel()) % 7 - 3
        whole = whole + (values[name] * weights.view_as(values[name])).sum()
    model.zero_grad()
    whole.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    gradients["embeddings.token"] = real(tokens.grad)
    model.zero_grad()  # drops them here: Module.float() would change them in place
    return Passes({name: value.detach() for name, value in values.items()}, gradients)


def check_parity(ours: nn.Module, theirs: nn.Module, batch: dict[str, Tensor]) -> None:
    """Fail, naming the first value that differs, unless the two models are the same function."""
    exact = pass_through_theirs(theirs.double(), batch)
    mine = pass_through(ours.double(), batch)
    for name, value in exact.values.items():
        differs_by(name, mine.values[name], value, at_most=1e-10)
    assert mine.gradients.keys() == exact.gradients.keys()
    for name, gradient in exact.gradients.items():
        scale = max(1.0, gradient.abs().max().item())
        differs_by(f"gradient of {name}", mine.gradients[name], gradient, at_most=1e-10 * scale)

    rounded = pass_through_theirs(theirs.float(), batch)
    mine = pass_through(ours.float(), batch)
    for name, value in rounded.values.items():
        differs_by(f"float32 {name}", mine.values[name], value, at_most=2e-5)
    for name, gradient in exact.gradients.items():
        scale = max(1.0, gradient.abs().max().item())
        their_error = (rounded.gradients[name].double() - gradient).abs().max().item()
        differs_by(
            f"float32 gradient of {name}",
            mine.gradients[name].double(),
            gradient,
            # Luck alone makes 3.5 between their own eager and sdpa; hence the floor.
            at_most=max(3 * their_error, 1e-5 * scale),
        )


def differs_by(name: str, ours: Tensor, theirs: Tensor, at_most: float) -> None:
    assert ours.shape == theirs.shape, f"{name}: {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    difference = (ours - theirs).abs().max().item()
    assert difference <= at_most, f"{name}: differs by {difference:.3g}, more than {at_most:.3g}"


# Parity


@pytest.fixture(scope="module", params=HEADS)
def tiny_pair(request, randomized, tmp_path_factory):
    ours = randomized(make_ours(request.param, BertConfig.tiny()).eval())
    return ours, load_theirs(ours, tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("way", ["math", "sdpa"])
def test_every_head_on_a_random_tiny_bert(tiny_pair, way):
    ours, theirs = tiny_pair
    attend_by(ours, way)
    check_parity(ours, theirs, make_batch(ours.config))


def test_the_comparison_covers_every_layer_and_output(tiny_pair):
    ours, theirs = tiny_pair
    batch = make_batch(ours.config)
    compared = pass_through_theirs(theirs, batch).values
    extra = {"num_choices": CHOICES} if isinstance(ours, minibert.BertForMultipleChoice) else {}
    outputs = ours(**batch, **extra)._asdict()
    assert list(compared) == [
        "embeddings.output",
        *("layers.0.attention.probs", "layers.0.output"),
        *("layers.1.attention.probs", "layers.1.output"),
        *outputs,
    ]


@pytest.mark.parametrize("way", ["math", "sdpa"])
def test_packaged_minilm(way):
    ours = minibert.BertModel.from_pretrained("minilm", attention=way)
    theirs = transformers.BertModel.from_pretrained(find("minilm"), attn_implementation="eager")
    check_parity(ours, theirs, make_batch(ours.config))


def test_random_base(randomized, tmp_path):
    with torch.device("meta"):  # all weights would be drawn twice, which takes seconds
        ours = make_ours("BertForPreTraining", BertConfig.base()).eval()
    ours.to_empty(device="cpu")
    ours.bert.init_weights()
    ours.init_weights()
    theirs = load_theirs(randomized(ours), tmp_path)
    check_parity(ours, theirs, make_batch(ours.config))


@pytest.mark.parametrize("act", ["gelu", "gelu_tanh"])
def test_both_activations_in_body_and_head(act, randomized, tmp_path):
    config = replace(BertConfig.tiny(), vocab_size=50, hidden_act=act)
    ours = randomized(make_ours("BertForMaskedLM", config).eval())
    check_parity(ours, load_theirs(ours, tmp_path), make_batch(config))


@pytest.mark.parametrize("way", ["math", "sdpa"])
@pytest.mark.parametrize(
    "dropout",
    [
        {"hidden_dropout_prob": 1.0, "attention_probs_dropout_prob": 0.0},
        {"hidden_dropout_prob": 1.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0},
        {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 1.0},
        {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 1},
    ],
    ids=["hidden", "hidden, not the head's", "attention", "the head's"],
)
@pytest.mark.parametrize(
    "head",
    ["BertForSequenceClassification", "BertForTokenClassification", "BertForMultipleChoice"],
)
def test_training_with_total_dropout(head, dropout, way, randomized, tmp_path):
    """Dropout of probability 1 shows where dropout acts, without any chance in it."""
    config = replace(BertConfig.tiny(), vocab_size=50, **dropout)
    ours = randomized(make_ours(head, config))
    theirs = load_theirs(ours, tmp_path)
    attend_by(ours, way)
    check_parity(ours.train(), theirs.train(), make_batch(config))


# The comparison itself can fail


def drop_a_bias(model: nn.Module) -> None:
    model.bert.encoder.layers[1].attention.value.bias.zero_()


def drop_all_biases(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()


def swap_layer_norms(model: nn.Module) -> None:
    layer = model.bert.encoder.layers[0]
    layer.attention_norm, layer.output_norm = layer.output_norm, layer.attention_norm


def ignore_layer_norm_weight(model: nn.Module) -> None:
    model.bert.encoder.layers[1].output_norm.weight.fill_(1.0)


@pytest.mark.parametrize(
    ("broken", "first_seen"),
    [
        (drop_a_bias, r"^layers\.1\.output: differs"),
        (drop_all_biases, r"^embeddings\.output: differs"),
        (swap_layer_norms, r"^layers\.0\.output: differs"),
        (ignore_layer_norm_weight, r"^layers\.1\.output: differs"),
    ],
)
def test_a_break_turns_parity_red(broken, first_seen, randomized, tmp_path):
    config = replace(BertConfig.tiny(), vocab_size=50)
    ours = randomized(make_ours("BertForSequenceClassification", config).eval())
    theirs = load_theirs(ours, tmp_path)
    batch = make_batch(config)
    check_parity(ours, theirs, batch)
    with torch.no_grad():
        broken(ours)
    with pytest.raises(AssertionError, match=first_seen):
        check_parity(ours, theirs, batch)


# Where there is nothing to compare with


@pytest.mark.parametrize("way", ["math", "sdpa"])
def test_a_fully_padded_row_gives_zeros_and_no_nan(way, randomized):
    """`transformers` is of two minds here: its eager and sdpa paths give different numbers."""
    config = replace(BertConfig.tiny(), vocab_size=50)
    model = randomized(make_ours("BertForPreTraining", config).eval())
    attend_by(model, way)
    batch = make_batch(config)
    whole = model(**batch)
    batch["attention_mask"] = MASK.clone()
    batch["attention_mask"][1] = 0

    with record() as stages:
        outputs = model(**batch)
    sum(output.sum() for output in outputs).backward()

    for index in range(config.num_hidden_layers):
        assert not stages[f"layers.{index}.attention.context"][1].any()
        assert not stages[f"layers.{index}.attention.probs"][1].any()
    assert all(output.isfinite().all() for output in outputs)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    others = torch.tensor([0, 2, 3])
    for output, expected in zip(outputs, whole, strict=True):
        torch.testing.assert_close(output[others], expected[others], rtol=0, atol=1e-5)
