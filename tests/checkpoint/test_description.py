"""What `inspect` says: numbers that add up, digests that are right, and what would be new."""

import hashlib
import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_models import CONFIG, MODELS, our_model

import minibert
from minibert.checkpoint import describe

PARTS = {"pooler", "mlm", "next_sentence", "classifier", "span"}
NEW = {
    "BertModel": PARTS - {"pooler"},
    "BertForPreTraining": {"classifier", "span"},
    "BertForMaskedLM": PARTS - {"mlm"},
    "BertForNextSentencePrediction": PARTS - {"pooler", "next_sentence"},
    "BertForSequenceClassification": PARTS - {"pooler", "classifier"},
    "BertForMultipleChoice": PARTS - {"pooler", "classifier"},
    "BertForTokenClassification": PARTS - {"classifier"},
    "BertForQuestionAnswering": PARTS - {"span"},
}


def shown(source):
    """What `--json` prints."""
    return json.loads(json.dumps(describe(source).as_json()))


def parameters_of(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("to", ["huggingface", "tensorflow"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_in_every_format(name, to, tmp_path):
    model = our_model(name)
    model.save_pretrained(tmp_path, to=to)

    found = shown(tmp_path)

    assert set(found) == {
        *("directory", "format", "family", "architecture", "config", "label_names", "files"),
        *("tensors", "dtypes", "parameters", "newly_initialised", "table"),
    }
    assert found["directory"] == str(tmp_path)
    assert found["format"] == {"huggingface": "safetensors", "tensorflow": "tensorflow"}[to]
    assert (found["family"], found["architecture"]) == ("BERT", name)
    assert minibert.BertConfig(**found["config"]) == CONFIG
    assert found["label_names"] == list(model.label_names)

    parts = dict(found["parameters"])
    assert parts.pop("total") == sum(parts.values()) == parameters_of(model)
    assert parts["embeddings"] == parameters_of(getattr(model, "bert", model).embeddings)
    assert set(found["newly_initialised"]) == NEW[name]
    assert not NEW[name] & set(parts)

    assert found["tensors"] == len(model.state_dict()) == len(found["table"])
    assert list(found["dtypes"].values()) == [found["tensors"]]
    targets = {row["target"] for row in found["table"]}
    assert targets == {key.removeprefix("bert.") for key in model.state_dict()}


@pytest.mark.parametrize("to", ["huggingface", "tensorflow"])
def test_size_and_digest_of_every_file_of_weights(to, tmp_path):
    our_model("BertModel").save_pretrained(tmp_path, to=to)

    files = shown(tmp_path)["files"]

    weights = {path for path in tmp_path.iterdir() if path.suffix != ".json"}
    assert len(weights) == {"huggingface": 1, "tensorflow": 2}[to]
    assert files == {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in weights
    }
    lines = str(describe(tmp_path))
    for name, file in files.items():
        assert f"file          {name}, {file['bytes']:,} bytes\n  sha256      {file['sha256']}" in (
            lines
        )


def test_shards_and_their_index_are_all_named(tmp_path):
    our_model("BertModel").save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    for file, part in shards.items():
        save_file({name: tensors[name] for name in part}, tmp_path / file)
    weight_map = {name: file for file, part in shards.items() for name in part}
    index = "model.safetensors.index.json"
    (tmp_path / index).write_text(json.dumps({"weight_map": weight_map}))

    found = shown(tmp_path)

    assert list(found["files"]) == ["a.safetensors", "b.safetensors", index]
    assert found["format"] == "safetensors, sharded"


def test_a_data_file_that_is_missing_is_shown_so(tmp_path):
    our_model("BertModel").save_pretrained(tmp_path, to="tensorflow")
    total = shown(tmp_path)["parameters"]["total"]
    (tmp_path / "bert_model.ckpt.data-00000-of-00001").unlink()

    found = shown(tmp_path)

    assert found["files"]["bert_model.ckpt.data-00000-of-00001"] is None
    assert found["files"]["bert_model.ckpt.index"]["bytes"] > 0
    assert found["parameters"]["total"] == total
    assert "file          bert_model.ckpt.data-00000-of-00001, missing\n" in (
        str(describe(tmp_path))
    )


def test_an_empty_file_is_not_missing(tmp_path):
    our_model("BertModel").save_pretrained(tmp_path)
    (tmp_path / "old.index").touch()

    assert shown(tmp_path)["files"]["old.index"]["bytes"] == 0
    assert "file          old.index, 0 bytes\n" in str(describe(tmp_path))


def test_trimmed_and_tied_tensors_count_once(tmp_path):
    model = our_model("BertForPreTraining")
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"):
        tensors[name] = torch.cat([tensors[name], torch.zeros(1, *tensors[name].shape[1:])])
    tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
    save_file(tensors, path)

    found = shown(tmp_path)

    assert found["parameters"]["total"] == parameters_of(model)
    assert found["tensors"] == len(model.state_dict()) + 1
    rows = {row["source"]: row for row in found["table"]}
    assert rows["cls.predictions.bias"]["taken"] == [0, 31]
    assert rows["cls.predictions.decoder.bias"]["action"] == "tied"


@pytest.mark.parametrize(
    ("family", "options", "dropped", "lacking"),
    [("Roberta", {}, 2 * 12, ["pooler"]), ("Electra", {"embedding_size": 12}, 0, [])],
)
def test_a_relative_lacks_only_what_its_family_has(family, options, dropped, lacking, tmp_path):
    config = getattr(transformers, f"{family}Config")(
        vocab_size=31,
        hidden_size=12,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=20,
        **options,
    )
    theirs = getattr(transformers, f"{family}ForMaskedLM")(config)
    theirs.save_pretrained(tmp_path)

    found = shown(tmp_path)

    assert found["family"] == {"Roberta": "RoBERTa", "Electra": "ELECTRA"}[family]
    assert found["parameters"]["total"] == parameters_of(theirs.base_model) - dropped
    assert found["newly_initialised"] == lacking
    assert "its body as BERT's)" in str(describe(tmp_path))


def test_the_packaged_weights():
    found = shown("minilm")

    assert found["files"] == {
        "model.safetensors": {
            "bytes": 90_868_376,
            "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        }
    }
    assert found["parameters"] == {
        "total": 22_713_216,
        "embeddings": 11_918_592,
        "encoder": 10_646_784,
        "pooler": 147_840,
    }
