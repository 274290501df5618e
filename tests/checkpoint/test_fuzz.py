"""Whatever happens to a checkpoint's files: it is refused by name, or loads just what they say.

TensorFlow's files have checksums and a test of their own (`test_tensorflow_damage`). safetensors
and JSON have none: there a changed number is the number. What the bytes say is found out here by a
reader of a few lines that has nothing from minibert.
"""

import dataclasses
import json
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from damage import LIMITED, cut, flip, lengthen, limits, overwrite
from safetensors.torch import load_file, save_file
from tiny_models import our_model

from minibert import BertConfig, BertModel
from minibert.checkpoint.names import theirs
from minibert.errors import CheckpointError

WEIGHTS, SHARD, INDEX = "model.safetensors", "b.safetensors", "model.safetensors.index.json"
KINDS = ("model_type", "position_embedding_type", "is_decoder", "add_cross_attention")


@pytest.fixture(scope="module")
def model(randomized):
    return randomized(our_model("BertModel"))


@pytest.fixture
def whole(model, tmp_path):
    """A directory with the model in one file."""
    model.save_pretrained(tmp_path / "whole")
    return tmp_path / "whole"


@pytest.fixture
def sharded(whole, tmp_path):
    """A directory with the model in two files and an index."""
    directory = tmp_path / "sharded"
    directory.mkdir()
    shutil.copy(whole / "config.json", directory)
    tensors = list(load_file(whole / WEIGHTS).items())
    weight_map = {}
    for file, part in (("a.safetensors", tensors[:20]), (SHARD, tensors[20:])):
        save_file(dict(part), directory / file)
        weight_map |= {name: file for name, _ in part}
    index = {"metadata": {"total_size": 12345}, "weight_map": weight_map}
    (directory / INDEX).write_text(json.dumps(index))
    return directory


# The reader of a few lines


def header_of(octets):
    length = int.from_bytes(octets[:8], "little")
    return json.loads(octets[8 : 8 + length]), octets[8 + length :]


def tensors_in(directory):
    """{name: (type, shape, bytes)} of all safetensors files there."""
    found = {}
    for path in directory.glob("*.safetensors"):
        header, numbers = header_of(path.read_bytes())
        header.pop("__metadata__", None)
        for name, told in header.items():
            start, end = told["data_offsets"]
            found[name] = told["dtype"], tuple(told["shape"]), numbers[start:end]
    return found


def config_in(directory):
    fields = json.loads((directory / "config.json").read_bytes())
    told = {name: fields[name] for name in BertConfig.__dataclass_fields__ if name in fields}
    if told.get("hidden_act") in ("gelu_new", "gelu_pytorch_tanh"):
        told["hidden_act"] = "gelu_tanh"
    told |= {"pad_token_id": 0} if told.get("pad_token_id", 0) is None else {}
    return dataclasses.asdict(BertConfig()) | told


def said(directory):
    """All that the files say, but for the numbers; None if they cannot be made out."""
    try:
        index = directory / INDEX
        places = json.loads(index.read_bytes())["weight_map"] if index.is_file() else {}
        files = [header_of(path.read_bytes()) for path in sorted(directory.glob("*.safetensors"))]
        config = json.loads((directory / "config.json").read_bytes())
        kind = [config.get(name) for name in KINDS]
        told = [(header, len(rest)) for header, rest in files]
        return json.dumps([config_in(directory), kind, places, told])  # tells 12 from 12.0
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def assert_holds_what_the_files_say(model, directory):
    told = config_in(directory)
    assert dataclasses.asdict(model.config) == told
    assert model.load_table.new == []
    numbers = tensors_in(directory)
    for name, value in model.state_dict().items():
        dtype, shape, octets = numbers[theirs(name)]
        assert (dtype, shape) == ("F32", tuple(value.shape))
        assert octets == value.numpy().tobytes(), name


# What is done to which file, and what may come of it


def numbers_only(harm):
    """Harm beyond the header of a safetensors file."""

    def harm_numbers(octets, random):
        start = 8 + int.from_bytes(octets[:8], "little")
        return octets[:start] + harm(octets[start:], random)

    harm_numbers.__name__ = f"{harm.__name__} in the numbers"
    return harm_numbers


def header_only(harm):
    """Harm to the header of a safetensors file, whose length is made to fit."""

    def harm_header(octets, random):
        start = 8 + int.from_bytes(octets[:8], "little")
        header = harm(octets[8:start], random)
        return len(header).to_bytes(8, "little") + header + octets[start:]

    harm_header.__name__ = f"{harm.__name__} in the header"
    return harm_header


def insert(octets, random):
    """Bytes from nowhere."""
    at = random.integers(len(octets) + 1)
    return octets[:at] + random.bytes(random.integers(1, 9)) + octets[at:]


def typo(text, random):
    """A few characters of JSON, between others or in their place."""
    at, typed = random.integers(len(text)), random.choice(TYPED, random.integers(1, 4)).tobytes()
    return text[:at] + typed + text[at + random.integers(2) * len(typed) :]


def length_of_header(octets, random):
    """Another number in the first 8 bytes."""
    more = int(random.choice([1, 8, 100, 10**4, 10**8, 2**31, 2**62]))
    length = int.from_bytes(octets[:8], "little")
    return (max(0, length + int(random.choice([-1, 1])) * more)).to_bytes(8, "little") + octets[8:]


TYPED = np.frombuffer(b'0123456789"{}[]:,.-eE\\/ \tabnotu_', np.uint8)
STRANGE = '-1 0 1 2 1e999 NaN -Infinity null true "12" [] {} 12.0 1e12 9223372036854775808'.split()


def strange_number(text, random):
    """One of a JSON text's numbers: a little larger, much larger, or none at all."""
    found = list(re.finditer(rb"(?<=[ \[,])-?\d[\d.eE+-]*(?=[],\n }])", text))
    number = found[random.integers(len(found))]
    if random.integers(2):
        put = random.choice(STRANGE)
    else:
        more = int(random.choice([1, 2, 3, 12, 2**10, 2**31, 2**40, 2**61, 2**64, 10**30]))
        put = str(int(float(number[0])) + more)
    return text[: number.start()] + put.encode() + text[number.end() :]


REFUSED, LOADED, EITHER = {"refused"}, {"equal", "as written"}, {"refused", "equal", "as written"}
DAMAGE = (
    ("whole", WEIGHTS, numbers_only(flip), {"as written"}),
    ("whole", WEIGHTS, numbers_only(overwrite), LOADED),
    ("whole", WEIGHTS, header_only(flip), EITHER),
    ("whole", WEIGHTS, header_only(overwrite), EITHER),
    ("whole", WEIGHTS, header_only(cut), EITHER),
    ("whole", WEIGHTS, header_only(insert), EITHER),
    ("whole", WEIGHTS, header_only(typo), EITHER),
    ("whole", WEIGHTS, header_only(strange_number), {"refused", "equal"}),
    ("whole", WEIGHTS, length_of_header, REFUSED),
    ("whole", WEIGHTS, cut, REFUSED),
    ("whole", WEIGHTS, insert, REFUSED),
    ("whole", WEIGHTS, lengthen, REFUSED),
    ("whole", "config.json", flip, EITHER),
    ("whole", "config.json", overwrite, EITHER),
    ("whole", "config.json", cut, EITHER),
    ("whole", "config.json", insert, EITHER),
    ("whole", "config.json", typo, EITHER),
    ("whole", "config.json", strange_number, EITHER),
    ("sharded", INDEX, flip, {"refused", "equal"}),
    ("sharded", INDEX, overwrite, {"refused", "equal"}),
    ("sharded", INDEX, cut, {"refused", "equal"}),
    ("sharded", INDEX, insert, {"refused", "equal"}),
    ("sharded", INDEX, typo, {"refused", "equal"}),
    ("sharded", SHARD, numbers_only(flip), {"as written"}),
    ("sharded", SHARD, cut, REFUSED),
)


@LIMITED
@pytest.mark.parametrize("cases", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damage_is_refused_or_read_as_it_stands(cases, whole, sharded):
    directories = {"whole": whole, "sharded": sharded}
    right = {name: BertModel.from_pretrained(path) for name, path in directories.items()}
    words = {name: said(path) for name, path in directories.items()}
    outcomes = Counter()
    for case in range(cases):
        random = np.random.default_rng([20181011, case])
        name, file, harm, possible = DAMAGE[case % len(DAMAGE)]
        path, label = directories[name] / file, f"{file}: {harm.__name__}"
        good = path.read_bytes()
        damaged = harm(good, random)
        path.write_bytes(damaged)
        model, message = attempt(path.parent)
        if model is None:
            outcome = "refused"
            assert names_a_file(message, path.parent), (case, message)
            unclear = said(path.parent) != words[name] or "stands there twice" in message
            assert unclear, (case, label, message)
        else:
            outcome = "equal" if same(model, right[name]) else "as written"
            assert_holds_what_the_files_say(model, path.parent)
        path.write_bytes(good)
        assert outcome in possible or damaged == good, (case, label, outcome)
        outcomes[label, outcome] += 1
    print(*sorted(outcomes.items()), sep="\n")
    assert len({label for label, _ in outcomes}) == len({(f, h.__name__) for _, f, h, _ in DAMAGE})


def attempt(directory):
    """The model, or what the refusal says."""
    try:
        with limits(seconds=5, mebibytes=256):
            return BertModel.from_pretrained(directory), None
    except CheckpointError as error:
        return None, str(error)


def names_a_file(message, directory):
    """Whether it begins with the directory, or with a file there."""
    return message.startswith(tuple(f"{path}" for path in (directory, *directory.iterdir())))


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    equal = (torch.equal(value, theirs[name]) for name, value in ours.items())
    return one.config == other.config and all(equal)
