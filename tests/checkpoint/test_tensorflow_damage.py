"""Damaged, hostile and foreign TensorFlow checkpoints: refused by name and reason, every time."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import LIMITED, cut, flip, lengthen, limits, overwrite

from minibert import BertModel
from minibert.checkpoint import open_checkpoint
from minibert.checkpoint.checksum import masked_crc32c
from minibert.checkpoint.leveldb import MAGIC, read_table, table_bytes, varint
from minibert.checkpoint.protobuf import FOUR_BYTES, Message, field, fixed_field
from minibert.checkpoint.tensorflow import OBJECT_GRAPH, data_file_of, index_of, read_index
from minibert.errors import CheckpointError

TINY = Path(__file__).parent.parent / "data" / "tf1_tiny"
HEADER = field(1, 1) + field(3, field(1, 1))


def shape(*sizes):
    return field(2, b"".join(field(2, field(1, size)) for size in sizes))


def record(octets=bytes(8), dtype=1, dims=(2,), shard=0, offset=0, size=None, more=b""):
    places = field(3, shard) + field(4, offset) + field(5, len(octets) if size is None else size)
    checksum = fixed_field(6, masked_crc32c(octets))
    return field(1, dtype) + shape(*dims) + places + checksum + more


@pytest.fixture
def prefix(tmp_path):
    return tmp_path / "model.ckpt"


def bundle(prefix, rows, octets=bytes(8), header=HEADER):
    """A checkpoint whose index is well-formed and says just this."""
    index_of(prefix).write_bytes(table_bytes({b"": header} | rows))
    data_file_of(prefix, 0, 1).write_bytes(octets)


def refusal(prefix, verify=True):
    def read_all():
        return [entry.read() for entry in read_index(prefix, verify).values()]

    with pytest.raises(CheckpointError) as error:
        read_all()
    return str(error.value)


def fix_checksum(block):
    """A block (contents and type) with the checksum that belongs to it."""
    return bytes(block) + masked_crc32c(bytes(block)).to_bytes(4, "little")


def test_the_checkpoint_that_the_others_vary_is_read(prefix):
    bundle(prefix, {b"a": record()})
    assert read_index(prefix)["a"].read().tolist() == [0.0, 0.0]


# The bundle's records


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({b"a": record(dims=(3,))}, "8 bytes cannot be float32 of shape (3,)"),
        ({b"a": record(dims=(2**40, 2**40))}, "tensor a: shape (1099511627776"),
        ({b"a": record(dims=(2**63, 0), size=0)}, "tensor a: shape (9223372036854775808, 0)"),
        ({b"a": record(dims=(1,) * 33)}, "33 dimensions"),
        ({b"a": record(dims=(2**64 - 1,))}, "tensor a: shape (18446744073709551615,)"),
        ({b"a": record(size=2**50, dims=(2**48,))}, "cut short: 8 bytes, but tensor a is bytes 0"),
        ({b"a": record(offset=4)}, "cut short: 8 bytes, but tensor a is bytes 4 to 12"),
        ({b"a": record(offset=2**63)}, "cut short: 8 bytes"),
        ({b"a": record(), b"b": record()}, "tensors a and b lie in the same place"),
        ({b"a": record(shard=1)}, "lies in shard 1, but there are 1"),
        ({b"a": record(octets=b"wrong...")}, "tensor a: the checksum does not fit"),
        ({b"a": record(more=field(7, field(1, 1)))}, "tensor a: cut into slices"),
        ({b"\0kernel\0\1\2": record()}, "tensor kernel: cut into slices (a partitioned variable)"),
        ({b"a": record(more=field(2, field(3, 1)))}, "tensor a: has no shape"),
        ({b"a": b"\x0a"}, "tensor a: 1 bytes announced, 0 there"),
        ({b"a": b"\x12\x05\x12"}, "tensor a: 5 bytes announced, 1 there"),
        ({b"a": b"\x0b"}, "tensor a: field 1 is of kind 3, which there is not"),
        ({b"a": b"\xff" * 10 + b"\1"}, "a number of more than 64 bits"),
        ({b"a\xff": record()}, r"tensor a\xff: 'utf-8' codec"),
        ({b"a": record(dtype=7)}, "tensor a is of string; read are float32"),
        ({b"a": record(dtype=99)}, "tensor a is of type 99"),
        ({OBJECT_GRAPH: record(dtype=7)}, "an object-based checkpoint of TensorFlow 2"),
    ],
)
def test_a_record_that_cannot_be(rows, words, prefix):
    bundle(prefix, rows)

    message = refusal(prefix)

    assert words in message
    assert str(prefix) in message


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "header: 0 shards"),
        (field(1, 10**9), "header: 1000000000 shards"),
        (field(1, 1) + field(2, 1), "big-endian"),
        (field(1, 1) + field(3, field(2, 2)), "asks for a reader of version 2"),
        (b"\x08", "header: 1 bytes announced, 0 there"),
    ],
)
def test_a_header_that_is_not_for_this_reader(header, words, prefix):
    bundle(prefix, {b"a": record()}, header=header)
    assert words in refusal(prefix)


def test_strings_are_listed_and_the_numbers_beside_them_read(prefix):
    rows = {b"a": record(), b"words": record(b"abc", 7, (), offset=8)}
    bundle(prefix, rows, bytes(8) + b"abc")

    entries = read_index(prefix)

    assert (entries["words"].dtype, entries["words"].shape) == ("string", ())
    assert entries["a"].read().tolist() == [0.0, 0.0]


def test_without_verification_a_damaged_tensor_is_what_the_file_says(prefix):
    bundle(prefix, {b"a": record()}, np.float32([1, 2]).tobytes())

    assert "tensor a: the checksum does not fit" in refusal(prefix)
    assert read_index(prefix, verify=False)["a"].read().tolist() == [1.0, 2.0]


def test_a_missing_shard_is_named_by_the_tensor_that_lies_in_it(tmp_path):
    shutil.copytree(TINY, tmp_path / "tf")
    missing = tmp_path / "tf" / "bert_model.ckpt.data-00001-of-00002"
    missing.unlink()

    with pytest.raises(CheckpointError, match=f"{missing} is missing; tensor bert/"):
        BertModel.from_pretrained(tmp_path / "tf")


def test_a_missing_index_is_named(prefix):
    assert refusal(prefix) == f"{prefix}.index is missing"


def test_version_1_is_told_from_what_is_no_checkpoint(prefix):
    shutil.copy(TINY / "bert_config.json", prefix.parent)
    prefix.write_bytes(table_bytes({b"": b"", b"a": b""}))

    for action in (refusal, lambda path: refusal_to_open(path.parent)):
        assert f"{prefix}: a checkpoint of version 1" in action(prefix)

    prefix.write_bytes(b"some other thing, of another program, that is called .ckpt too")
    assert refusal(prefix) == f"{prefix}.index is missing"
    assert "no model.safetensors" in refusal_to_open(prefix.parent)


def refusal_to_open(source):
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(source)
    return str(error.value)


def test_no_name_in_a_file_leads_out_of_its_directory(prefix):
    bundle(prefix, {b"../../etc/passwd": record()})

    (entry,) = read_index(prefix).values()

    assert entry.file == "model.ckpt.data-00000-of-00001"


# The table


def handle(block, offset=0):
    return varint(offset) + varint(len(block) - 5)


def entries(*triples):
    """A block of (bytes shared, rest of the key, value), with type and checksum."""
    body = b"".join(
        varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value
        for shared, rest, value in triples
    )
    return fix_checksum(body + bytes(4) + b"\1\0\0\0" + b"\0")


EMPTY = entries()
DATA = entries((0, b"", HEADER), (0, b"a", record()))
INDEX = entries((0, b"b", handle(DATA)))


def table(data=DATA, metaindex=EMPTY, index=None, footer=None):
    """A table of three blocks."""
    if index is None:
        index = entries((0, b"b", handle(data)))
    if footer is None:
        footer = handle(metaindex, len(data)) + handle(index, len(data + metaindex))
    return data + metaindex + index + footer.ljust(40, b"\0") + MAGIC


def test_the_table_that_the_others_vary_is_read(prefix):
    index_of(prefix).write_bytes(table())
    assert list(read_table(index_of(prefix))) == [b"", b"a"]


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "does not end in a table's magic number"),
        (MAGIC, "does not end in a table's magic number"),
        (table()[:-1], "does not end in a table's magic number"),
        (table(footer=b"\xff" * 40), "damaged footer (a number of more than 64 bits)"),
        (table(footer=table()[-48:-9] + b"\1"), "damaged footer (zeros expected"),
        (table(fix_checksum(DATA[:-5] + b"\1")), "data block 0 at byte 0: compressed by Snappy"),
        (table(fix_checksum(DATA[:-5] + b"\7")), "data block 0 at byte 0: of unknown type 7"),
        (table(b"\xff" + DATA[1:]), "data block 0 at byte 0: the checksum does not fit"),
        (table(metaindex=b"\xff" + EMPTY[1:]), "metaindex block at byte"),
        (table(index=b"\xff" + INDEX[1:]), "index block at byte"),
        (table(index=entries((0, b"b", b"\x80"))), "index block: no handle of data block 0"),
        (table(index=entries((0, b"b", b"\0\xff\xff\x7f"))), "0: 2097151 bytes long, beyond the"),
        (table(index=entries((0, b"b", handle(DATA, 1)))), "data block 0 begins at byte 1, but"),
        (table(DATA + EMPTY, index=INDEX), "metaindex block begins at byte"),
        (table(metaindex=DATA), "metaindex block: not empty"),
        (table(index=entries((0, b"Z", handle(DATA)))), "key b'a' is not in the block's range"),
        (table(entries((0, b"b", b""), (0, b"a", b""))), "key b'a' after b'b' is out of order"),
        (table(entries((0, b"b", b""), (1, b"", b""))), "key b'b' after b'b' is out of order"),
        (table(entries((9, b"b", b""))), "a key that shares 9 bytes with one of 0"),
        (table(fix_checksum(b"\xff" * 4 + b"\0")), "4294967295 restart points in 4 bytes"),
        (table(fix_checksum(b"\0")), "0 restart points in 0 bytes"),
        (table(fix_checksum(b"\0\5\1a" + EMPTY[:-4])), "5 bytes announced, 1 there"),
        (table(entries((0, b"a", b""))), "no header"),
    ],
)
def test_a_table_that_is_damaged_or_not_tensorflows(contents, words, prefix):
    index_of(prefix).write_bytes(contents)

    message = refusal(prefix)

    assert message.startswith(f"{index_of(prefix)}: ")
    assert words in message


def test_keys_that_would_fill_the_memory_are_refused(prefix):
    growing = [(1000 + n, b"k", b"") for n in range(50)]
    index_of(prefix).write_bytes(table(entries((0, b"", HEADER), (0, b"a" * 1000, b""), *growing)))

    assert "keys longer than restart points allow" in refusal(prefix)


# Fuzzing: whatever happens to a file, it is refused, or what it loads is right.


def inflate(index, random):
    """One of the numbers in a record, or that of shards, with checksums that fit."""
    more = int(random.choice([1, 2, 3, 7, 2**10, 2**31, 2**32, 2**61]))
    assert index == (TINY / "bert_model.ckpt.index").read_bytes()
    rows = read_table(TINY / "bert_model.ckpt.index")
    key = list(rows)[random.integers(len(rows))]
    if not key:
        shards = Message(rows[key]).integer(1)
        return table_bytes(rows | {key: field(1, shards + more) + field(3, field(1, 1))})
    entry = Message(rows[key])
    sizes = [size.integer(1) for size in entry.messages(2)[0].messages(2)]
    numbers = [*sizes, *(entry.integer(number) for number in (3, 4, 5))]
    numbers[random.integers(len(numbers))] += more
    *sizes, shard, offset, size = numbers
    inflated = field(1, entry.integer(1)) + shape(*sizes) + field(3, shard) + field(4, offset)
    checksum = fixed_field(6, entry.integer(6, FOUR_BYTES))
    return table_bytes(rows | {key: inflated + field(5, size) + checksum})


def rewrite(index, random):
    """Bytes of the data block, with the checksum of the result."""
    end = index.index(EMPTY) - 4  # the metaindex block follows
    block = overwrite(index[:end], random) if random.integers(2) else flip(index[:end], random)
    return fix_checksum(block) + index[end + 4 :]


# What is done to which file; whether the result is always refused ("refused"), never noticed
# ("equal"), or read as the bytes now say ("as written"), where the checksum was made to fit.
DAMAGE = (
    ("index", flip, "refused"),
    ("index", overwrite, "refused"),
    ("index", cut, "refused"),
    ("index", lengthen, "refused"),
    ("index", inflate, "refused"),
    ("index", rewrite, "as written"),
    ("data-00000-of-00002", flip, "refused"),
    ("data-00001-of-00002", overwrite, "refused"),
    ("data-00000-of-00002", cut, "refused"),
    ("data-00001-of-00002", lengthen, "equal"),
)


def contents(prefix):
    """{name: (shape, type, bytes)}."""
    return {
        name: (entry.shape, entry.dtype, entry.read().reshape(-1).view(torch.uint8).tolist())
        for name, entry in read_index(prefix).items()
    }


@LIMITED
@pytest.mark.parametrize("cases", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damage_is_refused_or_does_no_harm(cases, tmp_path):
    prefix = tmp_path / "bert_model.ckpt"
    shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
    right = contents(prefix)
    pieces = [octets for _, _, octets in right.values()]
    outcomes = Counter()
    for case in range(cases):
        random = np.random.default_rng([20181011, case])
        end, harm, expected = DAMAGE[case % len(DAMAGE)]
        file = tmp_path / f"{prefix.name}.{end}"
        whole = file.read_bytes()
        damaged = harm(whole, random)
        file.write_bytes(damaged)
        outcome, what = "refused", ""
        try:
            with limits(seconds=5, mebibytes=256):
                found = contents(prefix)
        except CheckpointError as error:
            what = str(error)
        else:
            outcome = "equal" if found == right else "as written"
            for _, _, octets in found.values():  # names and shapes may be new: bytes never
                assert octets in pieces, (case, harm.__name__)
        file.write_bytes(whole)
        if damaged != whole and expected != "as written":
            assert outcome == expected, (case, harm.__name__)
        assert (outcome == "refused") == what.startswith(str(prefix)), (case, what)
        outcomes[harm.__name__, outcome] += 1
    print(*sorted(outcomes.items()), sep="\n")
    assert {harm for harm, _ in outcomes} == {harm.__name__ for _, harm, _ in DAMAGE}
