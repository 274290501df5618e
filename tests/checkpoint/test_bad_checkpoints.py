"""Files that are missing, damaged, hostile or not BERT's: each gives one helpful error."""

import json
import os
import pickle
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import CONFIG, change_json, our_model

from minibert import BertForSequenceClassification
from minibert.errors import CheckpointError

WEIGHTS, PICKLE, CONFIG_FILE = "model.safetensors", "pytorch_model.bin", "config.json"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pristine")
    our_model("BertForSequenceClassification").save_pretrained(directory)
    return directory


@pytest.fixture
def directory(pristine, tmp_path):
    """A directory with a good model, to be spoilt."""
    return shutil.copytree(pristine, tmp_path / "model")


@pytest.fixture
def pickled(directory):
    """The same with a pytorch_model.bin instead of the safetensors."""
    torch.save(load_file(directory / WEIGHTS), directory / PICKLE)
    (directory / WEIGHTS).unlink()
    return directory


@pytest.fixture
def sharded(pickled):
    """The same with the tensors in one shard and an index."""
    tensors = torch.load(pickled / PICKLE, weights_only=True)
    (pickled / PICKLE).rename(pickled / "shard.bin")
    write_index(pickled, dict.fromkeys(tensors, "shard.bin"))
    BertForSequenceClassification.from_pretrained(pickled)  # a good one, so far
    return pickled


def write_index(directory, weight_map):
    text = json.dumps({"weight_map": weight_map})
    (directory / f"{PICKLE}.index.json").write_text(text)


def read_index(directory):
    return json.loads((directory / f"{PICKLE}.index.json").read_text())["weight_map"]


def refusal(directory):
    with pytest.raises(CheckpointError) as error:
        BertForSequenceClassification.from_pretrained(directory)
    assert "weights_only" not in str(error.value)  # no advice to drop the guard
    return str(error.value)


def test_a_missing_directory(tmp_path):
    path = tmp_path / "nowhere"

    assert refusal(path) == f"{path}: no such directory, and no name of a model on the hub"


def test_an_empty_directory(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path / CONFIG_FILE} is missing"


def test_a_file_in_the_place_of_a_directory(directory):
    path = directory / WEIGHTS

    assert refusal(path) == (
        f"{path} is a file, and no whole archive; name the directory that holds config.json"
    )


def test_a_directory_without_weights_says_what_is_there(directory):
    (directory / WEIGHTS).unlink()
    (directory / "tf_model.h5").touch()

    message = refusal(directory)

    assert f"{directory}: no model.safetensors and no pytorch_model.bin" in message
    assert message.endswith("only config.json, tf_model.h5")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 0.3, 0.5, 0.99, -1])
def test_truncated_safetensors(directory, kept):
    path = directory / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])

    message = refusal(directory)

    assert message.startswith(f"{path}: not a whole safetensors file (")
    assert message.endswith("; fetch it again")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>404</html>" * 9,
        (2**63).to_bytes(8, "little") + b"{}",
        (20).to_bytes(8, "little") + b"no JSON in this file" + bytes(64),
        (2).to_bytes(8, "little") + b"[]",
    ],
)
def test_garbage_instead_of_safetensors(directory, content):
    path = directory / WEIGHTS
    path.write_bytes(content)

    assert refusal(directory).startswith(f"{path}: not a whole safetensors file (")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("kept", [0, 1, 2, 10, 100, 0.3, 0.5, 0.99, -1])
@pytest.mark.filterwarnings("ignore")
def test_truncated_pickles(pickled, legacy, kept):
    path = pickled / PICKLE
    tensors = torch.load(path, weights_only=True)
    torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])

    message = refusal(pickled)

    assert message.startswith(f"{path}: not a ")
    assert "PyTorch file" in message
    assert "code" not in message


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.filterwarnings("ignore")
def test_damaged_pickles_never_escape_as_another_error(pickled, seed):
    path = pickled / PICKLE
    tensors = torch.load(path, weights_only=True)
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    content = bytearray(path.read_bytes())
    generator = torch.Generator().manual_seed(seed)
    for place in torch.randint(0, 4000, (6,), generator=generator).tolist():
        content[place] = (content[place] + 1 + seed) % 256
    path.write_bytes(content)

    refusals = []
    try:
        BertForSequenceClassification.from_pretrained(pickled)
    except CheckpointError as error:  # not always: some bytes may not matter
        refusals.append(str(error))
    assert all(refusal.startswith(str(pickled)) for refusal in refusals)


def test_a_pickle_that_calls_torch_wrongly(pickled):
    path = pickled / PICKLE
    path.write_bytes(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.")  # without arguments

    assert refusal(pickled).startswith(f"{path}: not a whole PyTorch file (_rebuild_tensor_v2()")


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch '{self.target}'",)


def save_by_torch(value, path):
    torch.save(value, path)


def save_by_torch_as_of_2019(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def save_by_pickle(value, path):
    path.write_bytes(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize("save", [save_by_torch, save_by_torch_as_of_2019, save_by_pickle])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(pickled, save):
    path, trace = pickled / PICKLE, pickled / "it_ran"
    save({"bert.pooler.dense.bias": Malicious(trace)}, path)

    message = refusal(pickled)

    assert message.startswith(f"{path}: holds more than tensors (")
    assert f"{os.system.__module__}.system" in message
    assert "refused, nothing of it was run" in message
    assert not trace.exists()
    pickle.loads(pickle.dumps(Malicious(trace)))
    assert trace.exists()  # the code was real


def test_code_in_a_shard_is_refused_and_not_run(sharded):
    trace = sharded / "it_ran"
    torch.save({"x": Malicious(trace)}, sharded / "shard.bin")

    assert "refused" in refusal(sharded)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [[torch.ones(2)], torch.ones(2), {"a": 1}, {1: torch.ones(2)}, {"model": {"a": 1}}, None],
    ids=["list", "tensor", "number", "numbered", "nested", "none"],
)
def test_a_pickle_that_is_no_table_of_tensors(pickled, content):
    path = pickled / PICKLE
    torch.save(content, path)

    assert refusal(pickled) == f"{path}: not a table of names and tensors"


@pytest.mark.parametrize(
    "file", ["../shard.bin", "/etc/passwd", "sub/shard.bin", "..", "", 3, None]
)
def test_an_index_may_only_name_files_beside_it(sharded, file):
    outside = sharded.parent / "shard.bin"
    shutil.copy(sharded / "shard.bin", outside)  # so that it could be read
    write_index(sharded, read_index(sharded) | {"classifier.bias": file})

    message = refusal(sharded)

    assert message.startswith(f"{sharded / PICKLE}.index.json: tensor classifier.bias lies in ")
    assert repr(file) in message
    assert "no plain file name" in message


def test_an_index_may_not_name_an_absolute_path(sharded):
    absolute = str(sharded / "shard.bin")
    write_index(sharded, dict.fromkeys(read_index(sharded), absolute))

    assert f"{absolute!r}, no plain file name" in refusal(sharded)


def test_a_shard_that_is_missing(sharded):
    write_index(sharded, read_index(sharded) | {"classifier.bias": "second.bin"})

    message = refusal(sharded)

    assert message == f"{sharded / PICKLE}.index.json: the shard second.bin is missing beside it"


def test_a_tensor_that_is_not_in_its_shard(sharded):
    write_index(sharded, read_index(sharded) | {"new.weight": "shard.bin"})

    message = refusal(sharded)

    assert message == f"{sharded / PICKLE}.index.json: tensor new.weight is not in shard.bin"


@pytest.mark.parametrize("content", ["{}", '{"weight_map": {}}', '{"weight_map": ["shard.bin"]}'])
def test_an_index_without_a_map(sharded, content):
    index = sharded / f"{PICKLE}.index.json"
    index.write_text(content)

    assert refusal(sharded) == f'{index}: has no "weight_map" of tensors to files'


def test_an_index_that_is_no_json(sharded):
    index = sharded / f"{PICKLE}.index.json"
    index.write_text("{")

    assert refusal(sharded).startswith(f"{index}: not a JSON file (")


def test_a_missing_config(directory):
    (directory / CONFIG_FILE).unlink()

    assert refusal(directory) == f"{directory / CONFIG_FILE} is missing"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a JSON file"),
        (b"{", "not a JSON file"),
        (b"<html>", "not a JSON file"),
        (b"\xff\xfe{\x00}\x00", "not a JSON file"),
        (b'{"model_type": "b\xe9rt"}', "not a JSON file"),
        (b'{"vocab_size": ' + b"9" * 5000 + b"}", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        (b"[]", "must hold a JSON object, not list"),
        (b"null", "must hold a JSON object, not NoneType"),
        (b"{}", "has no vocab_size, hidden_size"),
    ],
    ids=repr,
)
def test_a_config_that_cannot_be_read(directory, content, complaint):
    path = directory / CONFIG_FILE
    path.write_bytes(content)

    assert refusal(directory).startswith(f"{path}: {complaint}")


def test_a_directory_in_the_place_of_the_config(directory):
    (directory / CONFIG_FILE).unlink()
    (directory / CONFIG_FILE).mkdir()

    assert refusal(directory).startswith(f"{directory / CONFIG_FILE}: not a JSON file")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("model_type", "gpt2", "model_type is 'gpt2', not BERT (unknown here); read are bert and"),
        ("model_type", ["bert"], "model_type is ['bert']"),
        ("position_embedding_type", "relative_key", "position_embedding_type 'relative_key'"),
        ("is_decoder", True, "a decoder"),
        ("add_cross_attention", True, "a decoder"),
        ("vocab_size", ..., "has no vocab_size"),
        ("hidden_size", ..., "has no hidden_size"),
        ("num_hidden_layers", ..., "has no num_hidden_layers"),
        ("num_attention_heads", ..., "has no num_attention_heads"),
        ("intermediate_size", ..., "has no intermediate_size"),
        ("hidden_size", "12", "hidden_size must be a whole number"),
        ("hidden_size", 12.0, "hidden_size must be a whole number"),
        ("hidden_size", True, "hidden_size must be a whole number"),
        ("hidden_size", None, "hidden_size must be a whole number"),
        ("num_hidden_layers", 0, "num_hidden_layers must be a whole number"),
        ("vocab_size", [31], "vocab_size must be a whole number"),
        ("num_attention_heads", 5, "hidden_size 12 cannot be shared equally"),
        ("hidden_dropout_prob", "none", "hidden_dropout_prob is a probability"),
        ("hidden_dropout_prob", float("nan"), "not a JSON file (NaN is no number in JSON)"),
        ("layer_norm_eps", {}, "layer_norm_eps must lie between"),
        ("pad_token_id", 31, "pad_token_id 31 is no row"),
        ("hidden_act", "relu", "hidden_act 'relu' is none of gelu, gelu_new"),
        ("hidden_act", ["gelu"], "hidden_act ['gelu'] is none of"),
        ("hidden_act", {}, "hidden_act {} is none of"),
        ("hidden_act", None, "hidden_act None is none of"),
    ],
)
def test_a_config_that_is_not_berts(directory, field, value, complaint):
    change_json(directory / CONFIG_FILE, **{field: value})

    assert refusal(directory).startswith(f"{directory / CONFIG_FILE}: {complaint}")


def test_a_number_that_is_too_large_to_be_one(directory):
    """JSON has no infinity, but numbers that Python reads as one."""
    text = (directory / CONFIG_FILE).read_text()
    (directory / CONFIG_FILE).write_text(re.sub(r'("layer_norm_eps": )[^,]+', r"\g<1>1e999", text))

    assert "layer_norm_eps must lie between 0 and 1, not inf" in refusal(directory)


@pytest.mark.parametrize("value", [[], "none", 3, {"x": "y", "1": 2, "2": None}])
@pytest.mark.parametrize("field", ["id2label", "architectures", "label2id", "torch_dtype"])
def test_odd_values_beside_the_sizes_do_no_harm(directory, field, value):
    change_json(directory / CONFIG_FILE, **{field: value})

    model = BertForSequenceClassification.from_pretrained(directory, num_labels=3)

    assert model.config == CONFIG
    assert len(model.label_names) == 3


def test_optional_fields_of_old_configs_may_lack(directory):
    optional = ("model_type", "architectures", "position_embedding_type", "classifier_dropout")
    change_json(directory / CONFIG_FILE, pad_token_id=None, **dict.fromkeys(optional, ...))

    assert BertForSequenceClassification.from_pretrained(directory).config == CONFIG
