"""BertConfig: the released sizes, and what it refuses."""

import re
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from minibert import BertConfig, BertModel
from minibert.errors import ConfigError


@pytest.mark.parametrize(
    ("size", "parameters"),
    [
        ("tiny", 4_385_920),
        ("mini", 11_170_560),
        ("small", 28_763_648),
        ("medium", 41_373_184),
        ("base", 109_482_240),
        ("large", 335_141_888),
    ],
)
def test_sizes_are_what_their_docstrings_say(size, parameters):
    make = getattr(BertConfig, size)
    layers, width, millions = re.match(
        r"(\d+) layers of width (\d+): ([\d.]+) million parameters", make.__doc__
    ).groups()
    config = make()
    with torch.device("meta"):
        model = BertModel(config)
    count = sum(parameter.numel() for parameter in model.parameters())

    assert count == parameters
    assert count / 1e6 == pytest.approx(float(millions), rel=0.02)
    assert (config.num_hidden_layers, config.hidden_size) == (int(layers), int(width))
    assert len(model.encoder.layers) == config.num_hidden_layers
    assert config.head_width == 64
    assert config.intermediate_size == 4 * config.hidden_size


def test_defaults_are_base():
    assert BertConfig() == BertConfig.base()
    assert BertConfig().layer_norm_eps == 1e-12
    assert BertConfig().initializer_range == 0.02
    assert BertConfig().hidden_act == "gelu"


def test_head_width_is_hidden_size_shared_by_the_heads():
    assert replace(BertConfig.tiny(), hidden_size=12, num_attention_heads=3).head_width == 4


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        BertConfig.tiny().hidden_size = 256


def test_replace_checks_again():
    with pytest.raises(ConfigError, match="num_hidden_layers"):
        replace(BertConfig.tiny(), num_hidden_layers=0)


COUNTS = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size "
    "max_position_embeddings type_vocab_size"
).split()
PROBABILITIES = "hidden_dropout_prob attention_probs_dropout_prob classifier_dropout".split()


@pytest.mark.parametrize("value", [0, -1, 2.0, "8", True, None])
@pytest.mark.parametrize("field", COUNTS)
def test_counts_are_whole_numbers_of_at_least_one(field, value):
    message = f"^{field} must be a whole number of at least 1, not {value!r}$"
    with pytest.raises(ConfigError, match=message):
        BertConfig(**{field: value})


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.1", True])
@pytest.mark.parametrize("field", PROBABILITIES)
def test_dropouts_are_probabilities(field, value):
    with pytest.raises(ConfigError, match=f"^{field} is a probability, 0 to 1, not {value!r}"):
        BertConfig(**{field: value})


@pytest.mark.parametrize("field", PROBABILITIES[:2])
def test_only_the_heads_dropout_may_be_none(field):
    with pytest.raises(ConfigError, match=field):
        BertConfig(**{field: None})
    assert BertConfig(classifier_dropout=None).classifier_dropout is None


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("field", PROBABILITIES)
def test_dropouts_of_nothing_and_of_all_are_allowed(field, value):
    assert getattr(BertConfig(**{field: value}), field) == value


@pytest.mark.parametrize("value", [0, -1e-12, 1, "small", None])
@pytest.mark.parametrize("field", ["initializer_range", "layer_norm_eps"])
def test_small_numbers_lie_between_zero_and_one(field, value):
    with pytest.raises(ConfigError, match=f"^{field} must lie between 0 and 1, not {value!r}$"):
        BertConfig(**{field: value})


@pytest.mark.parametrize("value", [-1, 30522, 0.0, False, None])
def test_pad_token_is_a_row_of_the_vocabulary(value):
    with pytest.raises(ConfigError, match=f"{value!r} is no row of a vocabulary of 30522"):
        BertConfig(pad_token_id=value)
    assert BertConfig(pad_token_id=30521).pad_token_id == 30521


def test_heads_must_share_the_width_equally():
    with pytest.raises(ConfigError, match=r"size 768 .*_heads 7; choose a multiple of 7"):
        BertConfig(num_attention_heads=7)


def test_unknown_activation_names_the_known_ones():
    with pytest.raises(ConfigError, match="'relu' is unknown; choose one of gelu, gelu_tanh"):
        BertConfig(hidden_act="relu")
