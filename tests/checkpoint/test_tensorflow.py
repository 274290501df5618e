"""TensorFlow's checkpoints: read as it wrote them, and written to the byte as it writes them."""

import hashlib
import importlib.util
import json
import mmap
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tiny_models import MODELS, our_model

from minibert import (
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertTokenizer,
)
from minibert.checkpoint import checksum, load_table, open_checkpoint
from minibert.checkpoint.checksum import how_computed
from minibert.checkpoint.description import describe
from minibert.checkpoint.names import Place, place_google, theirs_google
from minibert.checkpoint.tensorflow import data_file_of, index_of, read_index, write_bundle
from minibert.errors import CheckpointError

TINY = Path(__file__).parent.parent / "data" / "tf1_tiny"
PREFIX = TINY / "bert_model.ckpt"
EXPECTED = json.loads((TINY / "expected.json").read_text(encoding="utf-8"))


def expected(name):
    """What TensorFlow was given under this name."""
    dtype, shape, values = EXPECTED["tensors"][name]
    precise = torch.tensor(values, dtype=torch.int64 if dtype == "int64" else torch.float64)
    return precise.to(getattr(torch, dtype)).reshape(shape)


def read_all(prefix, verify=True):
    return {name: entry.read() for name, entry in read_index(prefix, verify).items()}


def same(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and torch.equal(left, right)


def rewritten(prefix, folder):
    """The files of a one-shard checkpoint, and those of its tensors written again."""
    write_bundle(folder / prefix.name, read_all(prefix))
    pairs = []
    for file in (index_of, lambda name: data_file_of(name, 0, 1)):
        pairs.append((file(prefix).read_bytes(), file(folder / prefix.name).read_bytes()))
    return pairs


@pytest.fixture
def many_blocks(tmp_path):
    """The prefix of a checkpoint of TensorFlow's whose index takes several blocks."""
    with zipfile.ZipFile(TINY / "many_blocks.zip") as archive:
        archive.extractall(tmp_path / "many")
    return tmp_path / "many" / "many.ckpt"


@pytest.fixture
def toy(real_data):
    return real_data / "tf1" / "keras-bert-toy"


# Reading


@pytest.mark.parametrize("verify", [True, False])
def test_every_tensor_is_what_tensorflow_was_given(verify):
    entries = read_index(PREFIX, verify)

    assert list(entries) == sorted(EXPECTED["tensors"]) == list(EXPECTED["tensors"])
    for name, entry in entries.items():
        tensor = expected(name)
        assert (entry.shape, f"torch.{entry.dtype}") == (tuple(tensor.shape), str(tensor.dtype))
        assert same(entry.read(), tensor), name


def test_the_fixture_has_two_shards_and_four_types():
    entries = read_index(PREFIX).values()

    assert {entry.dtype for entry in entries} == {"float32", "float16", "bfloat16", "int64"}
    assert {entry.file for entry in entries} == {
        "bert_model.ckpt.data-00000-of-00002",
        "bert_model.ckpt.data-00001-of-00002",
    }
    assert sum(file.stat().st_size for file in TINY.rglob("*") if file.is_file()) < 50_000


def test_an_index_of_several_blocks(many_blocks):
    assert index_of(many_blocks).stat().st_size > 2 * 262144
    tensors = read_all(many_blocks)
    assert [name[:3] for name in tensors] == [f"{n:02}/" for n in range(70)]
    assert [tensor.tolist() for tensor in tensors.values()] == [[n, -n] for n in range(70)]
    assert {tensor.dtype for tensor in tensors.values()} == {torch.int32}


def test_tensors_are_mapped_and_writing_into_one_leaves_the_file_alone(tmp_path):
    write_bundle(tmp_path / "a", {"x": np.arange(1 << 23, dtype=np.float32)})
    entry = read_index(tmp_path / "a", verify=False)["x"]
    data_file = data_file_of(tmp_path / "a", 0, 1)
    before = data_file.read_bytes()

    in_memory = resident_pages()
    tensor = entry.read()
    assert (resident_pages() - in_memory) * mmap.PAGESIZE < tensor.nbytes / 8
    tensor[0] = 7

    assert data_file.read_bytes() == before


def resident_pages():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


@pytest.mark.real
def test_all_checksums_of_googles_own_program(toy):
    assert len(read_all(toy / "bert_model.ckpt")) == 139


@pytest.mark.real
def test_an_index_alone_gives_names_and_shapes_and_names_the_missing_file(real_data):
    mini = real_data / "tf1" / "bert-mini-index-only"
    entries = read_index(mini / "bert_model.ckpt")

    assert len(entries) == 78
    assert entries["bert/embeddings/word_embeddings"].shape == (30522, 256)
    table = load_table(mini)
    assert table.summary() == "78 tensors used, 26 of them transposed"
    missing = mini / "bert_model.ckpt.data-00000-of-00001"
    with pytest.raises(CheckpointError, match=f"{missing} is missing; tensor bert/embeddings"):
        BertForPreTraining.from_pretrained(mini)


# Writing


@pytest.mark.real
def test_googles_own_checkpoint_is_written_again_byte_for_byte(toy, tmp_path):
    for original, ours in rewritten(toy / "bert_model.ckpt", tmp_path):
        assert ours == original


def test_several_blocks_are_written_as_by_tensorflow(many_blocks, tmp_path):
    for original, ours in rewritten(many_blocks, tmp_path):
        assert ours == original


def test_all_types_are_written_as_by_tensorflow(tmp_path):
    write_bundle(tmp_path / "one", read_all(PREFIX))

    for end, digest in EXPECTED["one_shard_sha256"].items():
        written = (tmp_path / f"one.{end}").read_bytes()
        assert hashlib.sha256(written).hexdigest() == digest, end


NAMES = st.text(min_size=1, max_size=40).filter(lambda name: name[0] != "\0" and _utf8(name))
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
TYPES = st.sampled_from(["<f4", "<f8", "<f2", "<i4", "<i8"])


def _utf8(text):
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


@settings(max_examples=25, deadline=None)
@given(
    tensors=st.dictionaries(NAMES, TYPES.flatmap(lambda d: arrays.arrays(d, SHAPES)), max_size=20)
)
def test_what_is_written_is_read(tensors, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("round") / "x.ckpt"
    write_bundle(prefix, tensors)

    again = read_all(prefix)

    assert list(again) == sorted(tensors, key=str.encode)
    for name, array in tensors.items():
        assert again[name].numpy().dtype == array.dtype
        assert again[name].shape == array.shape
        assert again[name].numpy().tobytes() == array.tobytes()


def test_torch_tensors_of_any_strides_are_written(tmp_path):
    matrix = torch.randn(3, 5)
    tensors = {"t": matrix.T, "b": matrix.bfloat16(), "p": torch.nn.Parameter(matrix), "e": matrix}
    write_bundle(tmp_path / "a", tensors)

    again = read_all(tmp_path / "a")

    assert list(again) == ["b", "e", "p", "t"]
    assert all(same(again[name], tensor.detach()) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"": np.zeros(1, np.float32)}, "can be no tensor's name"),
        ({"\0a": np.zeros(1, np.float32)}, "can be no tensor's name"),
        ({"a": np.zeros(1, bool)}, "tensor a is bool; written are float32"),
        ({"a": np.array(["text"])}, "tensor a is <U4"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, "tensor a is complex64"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tensors, words, tmp_path):
    with pytest.raises(CheckpointError, match=words):
        write_bundle(tmp_path / "a", tensors)
    assert not list(tmp_path.iterdir())


# CRC-32C

WHEEL = importlib.util.find_spec("crc32c") is not None


def wheel(data):
    return importlib.import_module("crc32c").crc32c(data)


@pytest.fixture(
    params=[
        checksum.crc32c_numpy,
        pytest.param(wheel, marks=pytest.mark.skipif(not WHEEL, reason="no wheel crc32c here")),
    ]
)
def crc32c(request):
    return request.param


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, appendix B.4; the last is the common check value
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
        (b"a", 0xC1D04330),
        (b"123456789", 0xE3069283),
    ],
)
def test_known_checksums(crc32c, data, crc):
    assert crc32c(data) == crc


def bit_by_bit(data):
    """The checksums of the first 0, 1, 2, ... bytes."""
    register = checksum.ONES
    yield 0
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ checksum.POLYNOMIAL * (register & 1)
        yield register ^ checksum.ONES


def test_checksums_of_every_small_length_and_around_the_length_of_a_row(crc32c):
    row = 4 * checksum.LANES
    data = np.random.default_rng(0).integers(0, 256, 2 * row + 6, np.uint8)[1:]
    right = list(bit_by_bit(data.tolist()))
    for length in [*range(70), row - 1, row, row + 1, row + 4, 2 * row - 3, 2 * row + 5]:
        assert crc32c(data[:length]) == crc32c(data[:length].tobytes()) == right[length], length


def test_the_mask_is_tensorflows():
    file = index_of(PREFIX).read_bytes()
    size, trailer = 8, 5  # the metaindex block is empty: one restart point and its number
    begin = file.index(bytes(4) + b"\1\0\0\0\0", len(file) - 100)
    block, stored = file[begin : begin + size + 1], file[begin + size + 1 : begin + size + trailer]
    assert checksum.masked_crc32c(block) == int.from_bytes(stored, "little")


# Names


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_has_a_name_of_googles_and_back(model):
    for name, value in our_model(model).state_dict().items():
        google, transposed = theirs_google(name)
        where = place_google(google)
        assert where == Place(ours=name.removeprefix("bert."), transposed=transposed)
        dense = value.ndim == 2 and "embeddings" not in name
        assert transposed == (dense and "output_weights" not in google), google


@pytest.mark.parametrize(
    ("google", "ours", "transposed"),
    [
        ("bert/embeddings/word_embeddings", "embeddings.token.weight", False),
        ("bert/embeddings/LayerNorm/gamma", "embeddings.norm.weight", False),
        (
            "bert/encoder/layer_11/attention/self/query/kernel",
            "encoder.layers.11.attention.query.weight",
            True,
        ),
        (
            "bert/encoder/layer_0/attention/output/LayerNorm/beta",
            "encoder.layers.0.attention_norm.bias",
            False,
        ),
        ("bert/encoder/layer_3/output/dense/bias", "encoder.layers.3.feed_forward.outer.bias", 0),
        ("bert/pooler/dense/kernel", "pooler.dense.weight", True),
        ("cls/predictions/transform/dense/kernel", "mlm.dense.weight", True),
        ("cls/predictions/output_bias", "mlm.bias", False),
        ("cls/seq_relationship/output_weights", "next_sentence.weight", False),
        ("output_weights", "classifier.weight", False),
        ("cls/squad/output_bias", "span.bias", False),
    ],
)
def test_names_of_googles(google, ours, transposed):
    assert place_google(google) == Place(ours=ours, transposed=bool(transposed))


def test_slots_and_steps_are_ignored_with_a_reason_and_other_names_are_unknown():
    for name in ("global_step", "output_weights/adam_m", "bert/pooler/dense/kernel/adam_v"):
        assert "no weight" in place_google(name).ignored
    for name in (
        "bert/pooler/dense",
        "bert/pooler/dense/gamma",
        "bert/embeddings/LayerNorm/kernel",
        "bert/encoder/layer_x/output/dense/bias",
        "bert.pooler.dense.weight",
        "adam",
        "",
    ):
        assert place_google(name) == Place(), name


# Models


def test_a_model_takes_every_tensor_to_its_place():
    model = BertForPreTraining.from_pretrained(TINY)

    table = model.load_table
    assert (table.count("used"), table.count("transposed"), table.count("ignored")) == (32, 14, 3)
    assert table.new == []
    assert table.summary() == "46 tensors used, 14 of them transposed; 3 ignored"
    state = model.state_dict()
    for row in table.rows:
        if row.fills:
            tensor = expected(row.source).float()
            assert torch.equal(state[row.target], tensor.T if "kernel" in row.source else tensor)
            assert state[row.target].is_contiguous()


@pytest.mark.real
def test_googles_own_checkpoint_loads(toy):
    model = BertForPreTraining.from_pretrained(toy)

    table = model.load_table
    assert table.count("used") + table.count("transposed") == 46
    ignored = {row.source: row.reason for row in table.rows if row.action == "ignored"}
    assert len(ignored) == 93
    assert sum("Adam" in reason for reason in ignored.values()) == 92
    assert "steps" in ignored["global_step"]
    assert table.new == []
    tokenizer = BertTokenizer.from_pretrained(toy)
    ids = torch.tensor([tokenizer.encode("all work and no play").ids])
    assert model(ids).prediction_logits.shape == (1, 7, 15)


def test_from_tensorflow_to_hugging_face_and_back_nothing_changes(tmp_path):
    model = BertForPreTraining.from_pretrained(TINY)
    model.save_pretrained(tmp_path / "hf")
    again = BertForPreTraining.from_pretrained(tmp_path / "hf")

    tensors = {}
    for name, value in again.state_dict().items():
        google, transposed = theirs_google(name)
        tensors[google] = value.T if transposed else value
    (tmp_path / "tf").mkdir()
    shutil.copy(TINY / "bert_config.json", tmp_path / "tf")
    write_bundle(tmp_path / "tf" / "bert_model.ckpt", tensors)
    last = BertForPreTraining.from_pretrained(tmp_path / "tf")

    assert last.load_table.new == []
    for name, value in model.state_dict().items():
        assert torch.equal(value, last.state_dict()[name]), name


def test_a_prefix_stands_for_its_directory(tmp_path):
    shutil.copytree(TINY, tmp_path / "tf")
    (tmp_path / "tf" / "bert_config.json").rename(tmp_path / "tf" / "config.json")

    model = BertForMaskedLM.from_pretrained(f"{tmp_path}/tf/bert_model.ckpt")

    left = {row.source for row in model.load_table.rows if row.reason == "this model has no pooler"}
    assert left == {"bert/pooler/dense/kernel", "bert/pooler/dense/bias"}
    tokenizer = BertTokenizer.from_pretrained(f"{tmp_path}/tf/bert_model.ckpt")
    assert tokenizer.encode("the dogs sat").tokens == "[CLS] the dog ##s sat [SEP]".split()
    described = str(describe(tmp_path / "tf"))
    assert "format        tensorflow, 49 tensors (" in described
    assert f"checksums     {how_computed()}" in described


def test_the_current_directory_and_a_prefix_in_it(monkeypatch):
    monkeypatch.chdir(TINY)
    for source in (".", Path(), "bert_model.ckpt"):
        assert len(open_checkpoint(source).entries) == 49


def test_of_several_checkpoints_one_must_be_named(tmp_path):
    shutil.copytree(TINY, tmp_path / "tf")
    write_bundle(tmp_path / "tf" / "model.ckpt-200", read_all(PREFIX))

    with pytest.raises(CheckpointError, match=r"several checkpoints .*model.ckpt-200.*; name one"):
        open_checkpoint(tmp_path / "tf")

    assert len(open_checkpoint(tmp_path / "tf" / "model.ckpt-200").entries) == 49


def test_where_both_are_hugging_faces_files_come_first_unless_a_prefix_is_named(tmp_path):
    shutil.copytree(TINY, tmp_path / "tf")
    BertForPreTraining.from_pretrained(TINY).save_pretrained(tmp_path / "tf")

    assert open_checkpoint(tmp_path / "tf").format == "safetensors"
    assert open_checkpoint(tmp_path / "tf" / "bert_model.ckpt").format == "tensorflow"


def test_a_head_of_another_size_is_refused_with_both_shapes(tmp_path):
    shutil.copy(TINY / "bert_config.json", tmp_path)
    head = {"output_weights": torch.zeros(3, 6), "output_bias": torch.zeros(3)}
    write_bundle(tmp_path / "model.ckpt", read_all(PREFIX) | head)

    with pytest.raises(CheckpointError, match=r"output_bias has shape \(3,\).*new_head=True"):
        BertForSequenceClassification.from_pretrained(tmp_path, num_labels=2)

    model = BertForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert torch.equal(model.classifier.weight, torch.zeros(3, 6))


def test_a_kernel_that_stands_the_wrong_way_is_refused(tmp_path):
    shutil.copy(TINY / "bert_config.json", tmp_path)
    tensors = read_all(PREFIX)
    name = "bert/encoder/layer_1/output/dense/kernel"
    write_bundle(tmp_path / "model.ckpt", tensors | {name: tensors[name].T})

    with pytest.raises(CheckpointError, match=rf"{name} has shape \(6, 10\)"):
        BertForPreTraining.from_pretrained(tmp_path)
