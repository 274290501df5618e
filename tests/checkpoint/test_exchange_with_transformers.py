"""Our files in `transformers`, and its files in ours: every head, both ways."""

import dataclasses
import json

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_models import (
    CHOOSE_LABELS,
    CONFIG,
    MODELS,
    NUM_LABELS,
    our_model,
    same_outputs,
    their_model,
)

import minibert

every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_transformers_loads_our_files_and_computes_the_same(name, tmp_path, randomized):
    model = randomized(our_model(name))
    model.save_pretrained(tmp_path)

    loaded, info = getattr(transformers, name).from_pretrained(tmp_path, output_loading_info=True)

    assert {what: len(found) for what, found in info.items()} == dict.fromkeys(info, 0)
    assert {"missing_keys", "unexpected_keys", "mismatched_keys"} <= set(info)
    same_outputs(model, loaded)


@every_model
def test_our_file_holds_exactly_the_tensors_that_transformers_stores(name, tmp_path):
    our_model(name).save_pretrained(tmp_path / "ours")
    their_model(name).save_pretrained(tmp_path / "theirs")

    ours, theirs = (load_file(tmp_path / who / "model.safetensors") for who in ("ours", "theirs"))

    assert {key: value.shape for key, value in ours.items()} == {
        key: value.shape for key, value in theirs.items()
    }


@every_model
def test_we_load_the_files_of_transformers_and_compute_the_same(name, tmp_path, randomized):
    theirs = randomized(their_model(name))
    theirs.save_pretrained(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")

    model = getattr(minibert, name).from_pretrained(tmp_path)

    assert model.load_table.new == []
    assert model.load_table.count("used") == len(stored)
    assert values_of(model.state_dict()) == values_of(stored)
    same_outputs(model, theirs)


@every_model
def test_our_own_files_come_back_bit_for_bit(name, tmp_path, randomized):
    model = randomized(our_model(name))
    model.save_pretrained(tmp_path)

    loaded = getattr(minibert, name).from_pretrained(tmp_path)

    before, after = model.state_dict(), loaded.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert loaded.config == model.config
    assert not loaded.training


def test_every_config_field_survives_in_transformers_and_back(tmp_path):
    unusual = dataclasses.replace(
        CONFIG,
        hidden_act="gelu_tanh",
        hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.3,
        classifier_dropout=0.4,
        type_vocab_size=5,
        initializer_range=0.03,
        layer_norm_eps=1e-6,
        pad_token_id=1,
    )
    assert all(
        getattr(unusual, field.name) != field.default for field in dataclasses.fields(unusual)
    )
    our_model("BertModel", unusual).save_pretrained(tmp_path / "ours")

    theirs = transformers.BertModel.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")

    for field, value in dataclasses.asdict(unusual).items():
        expected = "gelu_new" if field == "hidden_act" else value
        assert getattr(theirs.config, field) == expected, field
    assert minibert.BertModel.from_pretrained(tmp_path / "theirs").config == unusual


@pytest.mark.parametrize(
    ("theirs", "ours", "written"),
    [
        ("gelu", "gelu", "gelu"),
        ("gelu_new", "gelu_tanh", "gelu_new"),
        ("gelu_pytorch_tanh", "gelu_tanh", "gelu_new"),
    ],
)
def test_activations_are_translated_and_compute_the_same(theirs, ours, written, tmp_path):
    model = their_model("BertModel", hidden_act=theirs)
    model.save_pretrained(tmp_path)

    loaded = minibert.BertModel.from_pretrained(tmp_path)
    loaded.save_pretrained(tmp_path / "again")

    assert loaded.config.hidden_act == ours
    assert json.loads((tmp_path / "again/config.json").read_text())["hidden_act"] == written
    same_outputs(loaded, model)


@pytest.mark.parametrize("name", CHOOSE_LABELS)
def test_label_names_are_kept_and_written(name, tmp_path):
    names = {0: "calm", 1: "glad", 2: "sad"}
    theirs = their_model(name, id2label=names, label2id={word: i for i, word in names.items()})
    theirs.save_pretrained(tmp_path / "theirs")

    model = getattr(minibert, name).from_pretrained(tmp_path / "theirs")
    model.save_pretrained(tmp_path / "ours")
    config = transformers.BertConfig.from_pretrained(tmp_path / "ours")

    assert model.label_names == ("calm", "glad", "sad")
    assert config.id2label == names
    assert config.label2id == {"calm": 0, "glad": 1, "sad": 2}


def test_label_names_in_any_order_of_their_numbers(tmp_path):
    our_model("BertForSequenceClassification").save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = {"2": "sad", "0": "calm", "1": "glad"}
    path.write_text(json.dumps(config))

    model = minibert.BertForSequenceClassification.from_pretrained(tmp_path)

    assert model.label_names == ("calm", "glad", "sad")


@pytest.mark.parametrize("labels", [1, 2, NUM_LABELS, 12])
def test_the_number_of_labels_is_the_checkpoints_own(labels, tmp_path):
    their_model("BertForSequenceClassification", num_labels=labels).save_pretrained(tmp_path)

    model = minibert.BertForSequenceClassification.from_pretrained(tmp_path)

    assert model.classifier.weight.shape == (labels, CONFIG.hidden_size)
    assert len(model.label_names) == labels


def values_of(tensors):
    """All tensors by value, whatever their names: random ones are pairwise distinct."""
    return sorted(value.contiguous().numpy().tobytes() for value in tensors.values())
