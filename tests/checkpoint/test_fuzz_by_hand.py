"""What chance would not find: files made to mislead a reader, or to fill its memory."""

import json
import os
import shutil
import zipfile

import pytest
import torch
from damage import LIMITED, limits
from safetensors.torch import load_file, save_file
from tiny_models import CONFIG, change_json, our_model

from minibert import BertModel
from minibert.checkpoint import load_table
from minibert.checkpoint.json_files import DEEPEST_JSON, LONGEST_JSON
from minibert.errors import CheckpointError

pytestmark = LIMITED
WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"
BIAS = "pooler.dense.bias"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory, randomized):
    directory = tmp_path_factory.mktemp("pristine")
    randomized(our_model("BertModel")).save_pretrained(directory)
    return directory


@pytest.fixture
def directory(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "model")


def load(directory):
    with limits(seconds=5, mebibytes=256):
        return BertModel.from_pretrained(directory)


def refusal(directory):
    with pytest.raises(CheckpointError) as error:
        load(directory)
    return str(error.value)


def same(directory, pristine):
    expected = load_file(pristine / WEIGHTS)
    found = load(directory).state_dict()
    assert len(found) == len(expected)
    return torch.equal(found["embeddings.norm.bias"], expected["embeddings.LayerNorm.bias"])


# safetensors


def change_header(directory, change, numbers=b""):
    """Let `change` alter the header, or give its text."""
    path = directory / WEIGHTS
    octets = path.read_bytes()
    start = 8 + int.from_bytes(octets[:8], "little")
    header = json.loads(octets[8:start])
    text = change(header) or json.dumps(header)
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + octets[start:] + numbers)


def told(shape, dtype="F32", places=(0, 0)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(places)}


@pytest.mark.parametrize("length", [LONGEST_JSON + 1, 100_000_000, 2**31, 2**62, 2**63, 2**64 - 1])
def test_the_length_of_a_header_is_looked_at_before_it_is_read(directory, length):
    path = directory / WEIGHTS
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    os.truncate(path, min(length + 8, 2**33))  # a hole: as long as it says, and full of zeros

    message = refusal(directory)

    assert message.startswith(f"{path}: not a whole safetensors file (a header of {length:,} bytes")


def test_a_header_of_many_blanks_is_read(directory, pristine):
    change_header(directory, lambda header: json.dumps(header) + " " * 10**6)
    assert same(directory, pristine)


def test_numbers_that_begin_at_odd_bytes_are_read(directory, pristine):
    for blanks in range(1, 8):
        change_header(directory, lambda header, n=blanks: json.dumps(header).rstrip() + " " * n)
        assert same(directory, pristine)


def test_a_name_that_stands_twice(directory):
    change_header(
        directory,
        lambda header: f'{json.dumps(header)[:-1]}, "{BIAS}": {json.dumps(header[BIAS])}}}',
    )
    assert f"{directory / WEIGHTS}: not a whole safetensors file ('{BIAS}' stands there twice)" in (
        refusal(directory)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header[BIAS].update(data_offsets=[0, 48]),  # another's place
        lambda header: header.pop(BIAS) and None,  # a hole
        lambda header: header[BIAS]["data_offsets"].reverse(),
        lambda header: header[BIAS].update(data_offsets=[2**60, 2**60 + 48]),
        lambda header: header[BIAS].update(data_offsets=[2**64 - 48, 2**64]),
        lambda header: header[BIAS].update(shape=[24]),
        lambda header: header[BIAS].update(shape=[2**32, 2**32, 12]),
        lambda header: header[BIAS].update(shape=[-12]),
        lambda header: header[BIAS].update(shape=["12"]),
        lambda header: header[BIAS].update(shape=12),
        lambda header: header[BIAS].update(dtype="F33"),
        lambda header: header[BIAS].update(dtype="F64"),
        lambda header: header[BIAS].update(dtype=32),
        lambda header: header.update({BIAS: None}),
        lambda header: header.update({BIAS: []}),
        lambda header: header.update(x=told([2**62, 8, 0])),
        lambda header: header.update(__metadata__={"x": 1}),
        lambda header: "[" * 100_000,
        lambda header: '{"__metadata__": ' * 100_000,
        lambda header: "[]",
        lambda header: '{"x": NaN}',
    ],
)
def test_headers_that_do_not_fit_the_file(directory, change):
    change_header(directory, change)
    assert refusal(directory).startswith(f"{directory / WEIGHTS}: not a whole safetensors file (")


@pytest.mark.parametrize("shape", [(0, 2**40), (2**40, 0), (0, 2**63), (2**31, 2**31, 0), (0,)])
def test_shapes_of_nothing_with_huge_sizes(directory, pristine, shape):
    change_header(directory, lambda header: header.update(x=told(shape)))
    assert same(directory, pristine)  # x is unknown, and left out


def test_a_shape_of_nothing_in_the_place_of_weights(directory):
    name = "embeddings.position_embeddings.weight"
    path = directory / WEIGHTS
    tensors = load_file(path)
    save_file(tensors | {name: torch.zeros(0, 12)}, path)
    change_header(
        directory,
        lambda header: header.update({name: told((0, 2**62), places=header[name]["data_offsets"])}),
    )

    assert f"{path}: tensor {name} has shape (0, 4611686018427387904), but" in refusal(directory)


@pytest.mark.parametrize("dtype", ["I32", "U32"])
def test_whole_numbers_are_no_weights(directory, dtype):
    """As files hold them that were quantized: their scales would be left out."""
    change_header(directory, lambda header: header[BIAS].update(dtype=dtype))

    assert refusal(directory) == (
        f"{directory / WEIGHTS}: tensor {BIAS} is {dtype}; weights are float64, float32, float16, "
        "bfloat16"
    )


def test_a_file_that_shrinks_after_it_was_opened(directory):
    table = load_table(directory)
    os.truncate(directory / WEIGHTS, 5000)

    with pytest.raises(CheckpointError, match=f"{directory / WEIGHTS}: bytes .* cannot be read"):
        table.tensors()


# The config


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"vocab_size": 10**12}, "vocab_size 1,000,000,000,000, but the largest tensor of model."),
        ({"vocab_size": 2**62}, "vocab_size 4,611,686,018,427,387,904, but"),
        ({"vocab_size": 10**30}, "vocab_size 1,000,000,000,000,000,000,000,000,000,000, but"),
        ({"hidden_size": 3 * 10**11}, "hidden_size 300,000,000,000, but"),
        ({"intermediate_size": 10**12}, "intermediate_size 1,000,000,000,000, but"),
        ({"max_position_embeddings": 10**12}, "max_position_embeddings 1,000,000,000,000, but"),
        ({"type_vocab_size": 10**12}, "type_vocab_size 1,000,000,000,000, but"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers 1,000,000,000,000, but model."),
        ({"num_hidden_layers": 40}, "num_hidden_layers 40, but model.safetensors holds 39 tensors"),
        ({"num_hidden_layers": 39}, "no tensor for encoder.layers.2."),
        ({"vocab_size": 32}, "embeddings.token.weight has (32, 12)"),
        ({"vocab_size": "31"}, "vocab_size must be a whole number of at least 1, not '31'"),
        ({"vocab_size": float("inf")}, "not a JSON file (Infinity is no number in JSON)"),
        ({"num_hidden_layers": -1}, "num_hidden_layers must be a whole number of at least 1"),
        ({"layer_norm_eps": float("nan")}, "not a JSON file (NaN is no number in JSON)"),
        ({"hidden_dropout_prob": float("-inf")}, "(-Infinity is no number in JSON)"),
        ({"hidden_dropout_prob": -1.0}, "hidden_dropout_prob is a probability"),
        ({"pad_token_id": 10**12}, "pad_token_id 1000000000000 is no row"),
    ],
    ids=str,
)
def test_sizes_are_compared_with_the_file_before_a_model_is_made(directory, fields, complaint):
    change_json(directory / "config.json", **fields)

    message = refusal(directory)

    assert message.startswith(str(directory))
    assert complaint in message


def test_a_number_beyond_all_numbers(directory):
    path = directory / "config.json"
    path.write_text(path.read_text().replace('"layer_norm_eps": 1e-12', '"layer_norm_eps": 1e999'))
    assert refusal(directory) == f"{path}: layer_norm_eps must lie between 0 and 1, not inf"


def test_a_config_of_two_gigabytes(directory):
    path = directory / "config.json"
    os.truncate(path, 2 << 30)  # a hole
    assert refusal(directory) == f"{path}: not a JSON file (longer than 4,194,304 bytes)"


def nested(depth, opening="[", closing="]"):
    return opening * depth + "0" + closing * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(DEEPEST_JSON),
        nested(100_000),
        nested(100_000, '{"x":', "}"),
        '"' + r"\"[" * 100 + '", ' + nested(DEEPEST_JSON),
        "[" * 4_000_000,
        '"' * 2_000_000 + nested(10_000),
    ],
    ids=[
        "one too deep",
        "arrays",
        "objects",
        "after a text",
        "megabytes of brackets",
        "megabytes of quotes",
    ],
)
def test_json_that_is_nested_too_deep(directory, text):
    path = directory / "config.json"
    path.write_text(f'{{"note": {text}, {path.read_text()[1:]}')

    assert refusal(directory) == (
        f"{path}: not a JSON file (arrays and objects in each other, more than 64 deep)"
    )


@pytest.mark.parametrize(
    "text",
    [
        nested(DEEPEST_JSON - 1),
        '"' + "[{" * 1000 + '"',
        '"\\\\", "more": "' + "[" * 1000 + r"\"[" * 1000 + '"',
        json.dumps(["["] * 1000),
    ],
    ids=["just not", "in a text", "after escapes", "in many texts"],
)
def test_json_that_is_not_nested_too_deep(directory, pristine, text):
    path = directory / "config.json"
    path.write_text(f'{{"note": {text}, {path.read_text()[1:]}')
    assert same(directory, pristine)


def test_a_field_that_stands_twice(directory):
    path = directory / "config.json"
    path.write_text('{"hidden_act": "gelu_new", ' + path.read_text()[1:])
    assert refusal(directory) == f"{path}: not a JSON file ('hidden_act' stands there twice)"


# Pickles


@pytest.fixture
def pickled(directory):
    torch.save(load_file(directory / WEIGHTS), directory / PICKLE)
    (directory / WEIGHTS).unlink()
    return directory


def change_pickle(directory, **changes):
    tensors = torch.load(directory / PICKLE, weights_only=True)
    torch.save(tensors | changes, directory / PICKLE)


@pytest.mark.parametrize(("version", "refused"), [("2.5.1+cpu", True), ("2.6.0", False)])
def test_an_old_torch_is_not_trusted_with_a_pickle(
    pickled, pristine, monkeypatch, version, refused
):
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion(version))
    if refused:
        assert refusal(pickled) == (
            f"{pickled / PICKLE}: a pickle, which can hold code, and PyTorch 2.5.1+cpu can be made "
            "to run it (CVE-2025-32434); install PyTorch 2.6 or later, or get model.safetensors"
        )
    else:
        assert load(pickled).config == CONFIG


def test_an_archive_that_unpacks_to_more_than_itself(pickled):
    path = pickled / PICKLE
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets + bytes((1 << 24) * name.endswith("data.pkl")))

    message = refusal(pickled)

    assert message.startswith(f"{path}: not a whole PyTorch file (")
    assert "data.pkl has 16,7" in message


def test_a_view_that_repeats_one_number(pickled):
    change_pickle(pickled, **{BIAS: torch.zeros(1).expand(2**40)})

    assert refusal(pickled) == (
        f"{pickled / PICKLE}: tensor {BIAS} of (1099511627776,) is beyond the file"
    )


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.ones(12).to_sparse(), "is torch.sparse_coo on cpu"),
        (torch.ones(12, device="meta"), "is torch.strided on meta"),
        (torch.ones(12, dtype=torch.int8), "is int8; weights are float64"),
        (torch.ones(12, dtype=torch.complex64), "is complex64; weights are float64"),
    ],
    ids=["sparse", "meta", "int8", "complex"],
)
def test_tensors_that_are_no_weights(pickled, tensor, words):
    change_pickle(pickled, **{BIAS: tensor})
    assert refusal(pickled).startswith(f"{pickled / PICKLE}: tensor {BIAS} {words}")
