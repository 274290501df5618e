"""All the ways in which BERT's weights lie about on disks, read into equal tensors."""

import dataclasses
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CONFIG, our_model, their_model

from minibert import BertForMaskedLM, BertForPreTraining, BertForSequenceClassification, BertModel
from minibert.checkpoint import load_table
from minibert.errors import CheckpointError


@pytest.fixture
def saved(tmp_path, randomized):
    """(model, directory): a pretraining model of ours, saved; all its tensors are distinct."""
    model = randomized(our_model("BertForPreTraining"))
    model.save_pretrained(tmp_path)
    return model, tmp_path


def tensors_in(directory, file="model.safetensors"):
    return load_file(directory / file)


def rewrite(directory, tensors):
    save_file(tensors, directory / "model.safetensors")


def write_pickle(directory, tensors, legacy=False):
    (directory / "model.safetensors").unlink()
    path = directory / "pytorch_model.bin"
    torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)


def assert_equal_tensors(model, loaded):
    expected, found = model.state_dict(), loaded.state_dict()
    assert list(expected) == list(found)
    for name, value in expected.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(value, found[name]), name


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_pytorch_model_bin(saved, legacy):
    model, directory = saved
    write_pickle(directory, tensors_in(directory), legacy)

    assert_equal_tensors(model, BertForPreTraining.from_pretrained(directory))


def test_a_state_dict_of_transformers_saved_by_torch(tmp_path, randomized):
    theirs = randomized(their_model("BertForPreTraining"))
    theirs.config.save_pretrained(tmp_path)
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")

    loaded = BertForPreTraining.from_pretrained(tmp_path)

    assert torch.equal(loaded.bert.embeddings.token.weight, theirs.get_input_embeddings().weight)
    assert torch.equal(loaded.mlm.bias, theirs.cls.predictions.bias)
    assert loaded.load_table.count("tied") == 2  # decoder.weight and decoder.bias
    assert loaded.load_table.new == []


def test_sharded_safetensors_of_transformers(tmp_path, randomized):
    theirs = randomized(their_model("BertForPreTraining"))
    theirs.save_pretrained(tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "sharded", max_shard_size="5KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2

    whole, sharded = (
        BertForPreTraining.from_pretrained(tmp_path / way) for way in ("whole", "sharded")
    )

    assert_equal_tensors(whole, sharded)


def test_sharded_pickles(saved):
    model, directory = saved
    tensors = tensors_in(directory)
    (directory / "model.safetensors").unlink()
    files = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    weight_map = {name: files[number % 2] for number, name in enumerate(tensors)}
    for file in files:
        part = {name: tensors[name] for name, where in weight_map.items() if where == file}
        torch.save(part, directory / file)
    index = directory / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    assert_equal_tensors(model, BertForPreTraining.from_pretrained(directory))


def test_a_tensor_that_the_index_forgets_is_accounted_for(saved):
    _, directory = saved
    (directory / "model.safetensors").rename(directory / "part.safetensors")
    weight_map = dict.fromkeys(tensors_in(directory, "part.safetensors"), "part.safetensors")
    del weight_map["cls.predictions.bias"]
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))

    table = BertForPreTraining.from_pretrained(directory).load_table

    assert table.new == []
    assert "cls.predictions.bias" in [row.source for row in table.rows if row.action == "used"]


def test_safetensors_come_before_pickles(saved):
    model, directory = saved
    zeros = {name: torch.zeros_like(value) for name, value in tensors_in(directory).items()}
    torch.save(zeros, directory / "pytorch_model.bin")

    assert_equal_tensors(model, BertForPreTraining.from_pretrained(directory))


def test_a_body_without_prefix_loads_under_a_head_and_the_head_is_new(tmp_path, randomized):
    body = randomized(our_model("BertModel"))
    body.save_pretrained(tmp_path)
    assert not any(name.startswith("bert.") for name in tensors_in(tmp_path))

    model = BertForSequenceClassification.from_pretrained(tmp_path)

    assert_equal_tensors(body, model.bert)
    assert model.load_table.new == ["classifier.weight", "classifier.bias"]
    assert torch.equal(model.classifier.bias, torch.zeros(2))
    assert 0 < model.classifier.weight.abs().max() <= 2 * CONFIG.initializer_range


def test_a_body_with_prefix_loads_without_a_head(saved):
    model, directory = saved
    assert sum(name.startswith("bert.") for name in tensors_in(directory)) > 30

    body = BertModel.from_pretrained(directory)

    assert_equal_tensors(model.bert, body)
    assert body.load_table.count("ignored") == 7  # the heads of pretraining
    assert body.load_table.new == []


def test_the_old_names_gamma_and_beta(saved):
    model, directory = saved
    tensors = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in tensors_in(directory).items()
    }
    assert sum(name.endswith((".gamma", ".beta")) for name in tensors) == 12
    rewrite(directory, tensors)

    loaded = BertForPreTraining.from_pretrained(directory)

    assert_equal_tensors(model, loaded)
    assert sum("old name" in row.reason for row in loaded.load_table.rows) == 12


@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_position_ids_are_ignored_with_a_reason(saved, prefix):
    model, directory = saved
    name = f"{prefix}embeddings.position_ids"
    rewrite(directory, tensors_in(directory) | {name: torch.arange(16)[None]})

    loaded = BertForPreTraining.from_pretrained(directory)

    assert_equal_tensors(model, loaded)
    (row,) = (row for row in loaded.load_table.rows if row.source == name)
    assert (row.action, row.target, row.shape) == ("ignored", None, (1, 16))
    assert "counted where they are needed" in row.reason


DECODER = "cls.predictions.decoder"
TWINS = {
    f"{DECODER}.weight": "bert.embeddings.word_embeddings.weight",
    f"{DECODER}.bias": "cls.predictions.bias",
}


@pytest.mark.parametrize("model_class", [BertForPreTraining, BertForMaskedLM, BertModel])
def test_a_decoder_beside_its_twins_is_tied(saved, model_class):
    _, directory = saved
    tensors = tensors_in(directory)
    expected = model_class.from_pretrained(directory)
    rewrite(directory, tensors | {name: tensors[twin].clone() for name, twin in TWINS.items()})

    loaded = model_class.from_pretrained(directory)

    assert_equal_tensors(expected, loaded)
    tied = {row.source: row.target for row in loaded.load_table.rows if row.action == "tied"}
    prefix = "" if model_class is BertModel else "bert."
    assert tied[f"{DECODER}.weight"] == f"{prefix}embeddings.token.weight"
    assert tied.get(f"{DECODER}.bias", "mlm.bias") == "mlm.bias"


@pytest.mark.parametrize("name", TWINS)
def test_a_decoder_without_its_twin_stands_in_for_it(saved, name):
    model, directory = saved
    tensors = tensors_in(directory)
    tensors[name] = tensors.pop(TWINS[name])
    rewrite(directory, tensors)

    assert_equal_tensors(model, BertForPreTraining.from_pretrained(directory))


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("change", [lambda x: x + 1e-6, lambda x: x[:-1]], ids=["value", "shape"])
def test_a_decoder_that_differs_from_its_twin_is_refused(saved, name, change):
    _, directory = saved
    tensors = tensors_in(directory)
    rewrite(directory, tensors | {name: change(tensors[TWINS[name]]).clone()})

    with pytest.raises(CheckpointError) as error:
        BertForPreTraining.from_pretrained(directory)

    assert f"{directory / 'model.safetensors'}: tensor {name} differs from" in str(error.value)
    assert TWINS[name] in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "bin"])
def test_other_precisions_are_read_as_float32(saved, dtype, pickled):
    model, directory = saved
    tensors = {name: value.to(dtype) for name, value in tensors_in(directory).items()}
    if pickled:
        write_pickle(directory, tensors)
    else:
        rewrite(directory, tensors)

    assert_equal_tensors(
        model.to(dtype).to(torch.float32), BertForPreTraining.from_pretrained(directory)
    )


@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "bin"])
def test_the_weights_do_not_depend_on_the_file_once_they_are_loaded(saved, pickled):
    model, directory = saved
    if pickled:
        write_pickle(directory, tensors_in(directory))
    path = directory / ("pytorch_model.bin" if pickled else "model.safetensors")

    loaded = BertForPreTraining.from_pretrained(directory)
    with path.open("r+b") as file:  # the same file, overwritten in place
        file.write(bytes(path.stat().st_size))

    assert_equal_tensors(model, loaded)


def test_the_table_knows_the_file_of_each_tensor(saved):
    _, directory = saved

    safe = load_table(directory)
    write_pickle(directory, tensors_in(directory))
    pickled = load_table(directory)

    assert {entry.file for entry in safe.entries.values()} == {"model.safetensors"}
    assert {entry.file for entry in pickled.entries.values()} == {"pytorch_model.bin"}


def as_nvidia_saves_it(tensors, padding=1):
    """A row more for every tensor with a row for each word piece, 32 in all, and NVIDIA's names."""

    def padded(tensor):
        return torch.cat([tensor, torch.full((padding, *tensor.shape[1:]), 7.0)])

    fused = ("intermediate.dense.", "pooler.dense.", "cls.predictions.transform.dense.")
    for twin, name in TWINS.items():
        tensors = tensors | {name: padded(tensors[name])}
        tensors |= {twin: tensors[name]}
    return {
        name.replace(".dense.", ".dense_act.") if any(f in name for f in fused) else name: value
        for name, value in tensors.items()
    }


@pytest.mark.parametrize("nested", [False, True])
def test_a_checkpoint_of_nvidias_with_a_padded_vocabulary(saved, nested):
    model, directory = saved
    state = as_nvidia_saves_it(tensors_in(directory))
    assert sum("dense_act" in name for name in state) == 2 * 2 + 2 + 2
    (directory / "model.safetensors").unlink()
    (directory / "config.json").rename(directory / "bert_config.json")
    content = {"model": state, "optimizer": {"state": {0: {"step": 1}}}, "files": ["a"]}
    torch.save(content if nested else state, directory / "ckpt_8601.pt")

    loaded = BertForPreTraining.from_pretrained(directory)

    assert_equal_tensors(model, loaded)
    trimmed = [row for row in loaded.load_table.rows if row.taken]
    assert {row.source: row.taken for row in trimmed} == dict.fromkeys(TWINS.values(), (0, 31))
    assert str(loaded.load_table).count("trimmed to the vocabulary's 31 rows") == 2
    assert loaded.load_table.count("tied") == 2
    assert loaded.load_table.new == []


def test_a_padded_decoder_alone_fills_the_words(saved):
    model, directory = saved
    state = as_nvidia_saves_it(tensors_in(directory))
    rewrite(directory, {name: state[name].clone() for name in state if name not in TWINS.values()})

    loaded = BertForPreTraining.from_pretrained(directory)

    assert_equal_tensors(model, loaded)
    assert {row.source for row in loaded.load_table.rows if row.taken} == set(TWINS)


@pytest.mark.parametrize("padding", [2, 9])
def test_more_rows_than_a_multiple_of_eight_are_refused(saved, padding):
    _, directory = saved
    state = as_nvidia_saves_it(tensors_in(directory), padding)
    rewrite(directory, {name: state[name].clone() for name in state if name not in TWINS})

    with pytest.raises(CheckpointError, match=rf"\({31 + padding}, 12\).*do not belong together"):
        BertForPreTraining.from_pretrained(directory)


def test_a_vocabulary_that_fills_its_eights_is_not_trimmed(tmp_path):
    our_model("BertModel", dataclasses.replace(CONFIG, vocab_size=32)).save_pretrained(tmp_path)

    table = BertModel.from_pretrained(tmp_path).load_table

    assert [row for row in table.rows if row.taken or row.reason] == []


def test_of_two_pt_files_none_is_taken(saved):
    _, directory = saved
    state = tensors_in(directory)
    (directory / "model.safetensors").unlink()
    for name in ("ckpt_1.pt", "ckpt_2.pt"):
        torch.save(state, directory / name)

    with pytest.raises(CheckpointError, match=r"only ckpt_1.pt, ckpt_2.pt, config.json"):
        BertForPreTraining.from_pretrained(directory)


def test_loading_does_not_import_torchs_compiler(saved):
    """Over a second of imports, which drawing normal numbers on the meta device would bring in."""
    program = f"""
import sys
from minibert import BertForPreTraining
BertForPreTraining.from_pretrained({str(saved[1])!r})
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
