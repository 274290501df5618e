"""The parity ledger: clean where two models are equal, else pointing where they part."""

import json
import sys
from dataclasses import replace

import pytest
import torch

import minibert
from minibert import BertConfig, cli
from minibert.errors import ConfigError
from minibert.lens import compare
from minibert.model import functional

SMALL = replace(
    BertConfig.tiny(), vocab_size=60, hidden_size=24, num_attention_heads=3, intermediate_size=40
)
HEADS = [
    "BertModel",
    "BertForSequenceClassification",
    "BertForMultipleChoice",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
]


@pytest.fixture
def saved(tmp_path, randomized):
    """A function that saves a small random model of a class, and says where."""

    def save(head, name="one", change=None):
        torch.manual_seed(0)
        model = randomized(getattr(minibert, head)(SMALL))
        if change:
            with torch.no_grad():
                model.get_parameter(change).add_(0.01)
        model.save_pretrained(tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("head", HEADS)
def test_every_model_equals_transformers(head, saved):
    ledger = compare(saved(head))
    assert ledger.first is None, str(ledger)
    measured = {row.stage for row in ledger.rows if row.absolute is not None}
    assert {"layers.1.attention.scores", "layers.1.attention.probs", "layers.1.output"} <= measured
    assert max(row.gradient for row in ledger.rows if row.gradient is not None) > 0


def test_the_packaged_weights_equal_transformers():
    ledger = compare("minilm")
    assert ledger.first is None, str(ledger)
    assert len([row for row in ledger.rows if row.precision == "float64"]) == 4 + 6 * 12 + 1
    assert "equal: no stage differs" in str(ledger)


def test_googles_own_files_are_compared_as_they_were_read(root):
    ledger = compare(root / "tests" / "data" / "tf1_tiny")
    assert ledger.first is None, str(ledger)


def test_a_broken_gelu_is_found_at_the_activation(saved, monkeypatch):
    monkeypatch.setattr(functional, "gelu", functional.gelu_tanh)
    first = compare(saved("BertModel")).first
    assert (first.stage, first.diverges) == ("layers.0.feed_forward.activated", "value")


def test_a_mask_that_leaks_is_found_at_the_probabilities(saved, monkeypatch):
    monkeypatch.setattr(functional, "masked_softmax", lambda scores, mask: scores.softmax(-1))
    assert compare(saved("BertModel")).first.stage == "layers.0.attention.probs"


def test_a_gradient_that_is_cut_is_found_though_all_values_agree(saved, monkeypatch):
    right = functional.gelu
    monkeypatch.setattr(functional, "gelu", lambda x: right(x) + 0.5 * (x - x.detach()))
    first = compare(saved("BertModel")).first
    assert (first.stage, first.diverges) == ("layers.1.feed_forward.inner", "gradient")


def test_two_checkpoints_part_where_their_weights_do(saved):
    one = saved("BertModel", "one")
    assert compare(one, saved("BertModel", "same")).first is None
    two = saved("BertModel", "two", change="encoder.layers.1.attention.value.bias")
    ledger = compare(one, two)
    assert ledger.first.stage == "layers.1.attention.value"
    line = next(line for line in str(ledger).splitlines() if line.startswith(ledger.first.stage))
    assert line.endswith("<- value differs in float32, value differs in float64")


def test_models_of_different_shape_are_refused(saved, tmp_path):
    minibert.BertModel(replace(SMALL, num_hidden_layers=1)).save_pretrained(tmp_path / "short")
    with pytest.raises(ConfigError, match="differ in their config"):
        compare(saved("BertModel"), tmp_path / "short")


def test_the_command_prints_json_and_its_status_tells(saved, monkeypatch, capsys):
    one, two = saved("BertModel", "one"), saved("BertModel", "two", "embeddings.norm.bias")
    command = ["minibert", "parity", str(one), "--against", str(two), "--json"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["equal"], printed["first"]) == (False, "embeddings.output")
    assert {row["precision"] for row in printed["rows"]} == {"float32", "float64"}
