"""TensorFlow's checkpoints ("bundles", version 2), read and written without TensorFlow.

A checkpoint is called by its prefix, such as `bert_model.ckpt`, and lies in at least two files:

    bert_model.ckpt.index                  a table: names to records      (see `leveldb`)
    bert_model.ckpt.data-00000-of-00001    the tensors' bytes, end to end

    index                                                data-00000-of-00001
    ""            shards 1, little-endian, version 1     0      +--------------------+
    "bert/.../b"  float32, (4), shard 0,                        |                    |
                  offset 16, size 16, checksum    ---->  16     | 4 little-endian    |
    ...                                                         | float32            |
                                                         32     +--------------------+

The table's values are protocol buffers (see `protobuf`). The first key is empty, and its value is a
BundleHeaderProto; all others are BundleEntryProtos, with a TensorShapeProto inside:

    header   1 number of shards   2 endianness (1 big)   3 version (1 producer, 2 least reader)
    entry    1 type   2 shape   3 shard   4 offset   5 size in bytes   6 checksum   7 slices
    shape    2 a dimension, once for each (1 its size)   3 rank unknown

The checksum is the masked CRC-32C of the tensor's bytes. No record names a file: the data files'
names follow from prefix and number, so nothing outside the checkpoint's directory is ever opened.

Source: tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/tensor_bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from minibert.checkpoint.checksum import masked_crc32c
from minibert.checkpoint.disk import write_atomically
from minibert.checkpoint.files import Entry
from minibert.checkpoint.leveldb import is_table, read_table, table_bytes
from minibert.checkpoint.mapping import Octets, as_tensor, map_bytes, numpy_type
from minibert.checkpoint.protobuf import FOUR_BYTES, Message, field, fixed_field
from minibert.errors import CheckpointError

# {TensorFlow's number of a type: its name, the same in NumPy and torch}
TYPES = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 14: "bfloat16", 19: "float16"}
CODES = {name: code for code, name in TYPES.items()}
OTHER_TYPES = {4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64", 10: "bool"}
VERSION = 1
MOST_DIMENSIONS = 32
SLICED = "cut into slices (a partitioned variable); only whole tensors are read"
OBJECT_GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"


def index_of(prefix: Path) -> Path:
    """The index file of the checkpoint that is called `prefix`."""
    return prefix.parent / f"{prefix.name}.index"


def data_file_of(prefix: Path, shard: int, shards: int) -> Path:
    """The file that holds the tensors of one of its shards."""
    return prefix.parent / f"{prefix.name}.data-{shard:05}-of-{shards:05}"


def read_index(prefix: Path, verify: bool = True) -> dict[str, Entry]:
    """The checkpoint's tensors, by name and in the file's order; each is read when asked for.

    verify: check every checksum, the index's now and a tensor's when it is read. The data files
    are mapped into memory, not copied; they may be missing as long as no tensor is read.

    Raises `CheckpointError`, here and in `Entry.read`, naming the file, the tensor and what is
    wrong: damage, records that do not fit the data files, what is no bundle of whole tensors.
    """
    index = index_of(prefix)
    if not index.is_file():
        if prefix.is_file() and is_table(prefix):
            raise CheckpointError(
                f"{prefix}: a checkpoint of version 1, all in one file, as TensorFlow wrote before "
                "1.0; let TensorFlow 1 load it and save it again"
            )
        raise CheckpointError(f"{index} is missing")
    rows = read_table(index, verify)
    if OBJECT_GRAPH in rows:
        raise CheckpointError(
            f"{index}: an object-based checkpoint of TensorFlow 2 ({OBJECT_GRAPH.decode()}): its "
            "names follow the objects of the program that wrote it, and do not say which tensor is "
            "which; let that program save it by names (tf.compat.v1.train.Saver)"
        )
    records = _records(index, rows)
    files = {
        record.shard: _DataFile(data_file_of(prefix, record.shard, record.shards))
        for record in records.values()
    }
    _check_places(index, records, files)
    return {
        name: Entry(
            record.shape,
            record.type,
            files[record.shard].path.name,
            partial(_read, name, record, files[record.shard], verify),
        )
        for name, record in records.items()
    }


def write_bundle(prefix: Path, tensors: Mapping[str, Tensor | npt.NDArray[Any]]) -> None:
    """Write a checkpoint of one shard, to the byte as TensorFlow does.

    The data file holds the tensors in the order given (TensorFlow's Saver gives them sorted). It is
    written first, then the index, each as a whole or not at all. Where a checkpoint of this name is
    replaced, a crash between the two leaves the old index, and the checksums tell.

    Raises `CheckpointError` for a name or a type that cannot be written.
    """
    rows = {b"": field(1, 1) + field(3, field(1, VERSION))}

    def fill(path: Path) -> None:
        with path.open("wb") as file:
            for name, tensor in tensors.items():
                if not name or name.startswith("\0"):
                    raise CheckpointError(f"{prefix}: {name!r} can be no tensor's name")
                type_, octets = _octets(prefix, name, tensor)
                shape = b"".join(field(2, field(1, size)) for size in tensor.shape)
                rows[name.encode()] = (
                    field(1, type_)
                    + field(2, shape)
                    + field(4, file.tell())
                    + field(5, octets.size)
                    + fixed_field(6, masked_crc32c(octets))
                )
                file.write(octets.data)

    write_atomically(data_file_of(prefix, 0, 1), fill)
    write_atomically(index_of(prefix), table_bytes(rows))


@dataclass(frozen=True)
class _Record:
    """What the index says of one tensor."""

    type: str
    shape: tuple[int, ...]
    shard: int
    shards: int  # in the whole checkpoint
    offset: int  # bytes from the data file's start
    size: int  # bytes
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def _records(index: Path, rows: dict[bytes, bytes]) -> dict[str, _Record]:
    if b"" not in rows:
        raise CheckpointError(f"{index}: no header; a table, but not TensorFlow's")
    try:
        shards = _shard_count(Message(rows[b""]))
    except ValueError as error:
        raise CheckpointError(f"{index}: header: {error}") from error
    records = {}
    for key, value in rows.items():
        if not key:
            continue
        try:
            if key.startswith(b"\0"):  # then the tensor's name, 0, 1, and the slice's place
                key = key[1:].partition(b"\0\1")[0]
                raise ValueError(SLICED)
            records[key.decode()] = _record(Message(value), shards)
        except ValueError as error:
            name = key.decode(errors="backslashreplace")
            raise CheckpointError(f"{index}: tensor {name}: {error}") from error
    return records


def _shard_count(header: Message) -> int:
    shards = header.integer(1)
    if not 1 <= shards <= 99_999:
        raise ValueError(f"{shards} shards")
    if header.integer(2):
        raise ValueError("tensors in big-endian order; only little-endian ones are read")
    for version in header.messages(3):
        if version.integer(2) > VERSION:
            raise ValueError(f"asks for a reader of version {version.integer(2)}")
    return shards


def _record(entry: Message, shards: int) -> _Record:
    dimensions = [size for shape in entry.messages(2) for size in shape.messages(2)]
    code = entry.integer(1)
    record = _Record(
        TYPES.get(code) or OTHER_TYPES.get(code) or f"type {code}",
        tuple(size.integer(1) for size in dimensions),
        entry.integer(3),
        shards,
        entry.integer(4),
        entry.integer(5),
        entry.integer(6, FOUR_BYTES),
    )
    if entry.messages(7):
        raise ValueError(SLICED)
    if any(shape.integer(3) for shape in entry.messages(2)):
        raise ValueError("has no shape")
    if len(record.shape) > MOST_DIMENSIONS:
        raise ValueError(f"{len(record.shape)} dimensions")
    if prod(size or 1 for size in record.shape) >= 1 << 60:  # where one is 0, others may be absurd
        raise ValueError(f"shape {record.shape}")
    if record.shard >= shards:
        raise ValueError(f"lies in shard {record.shard}, but there are {shards} from 0 on")
    values = prod(record.shape)
    if record.type in CODES and record.size != values * numpy_type(record.type).itemsize:
        raise ValueError(f"{record.size} bytes cannot be {record.type} of shape {record.shape}")
    return record


class _DataFile:
    """One shard, opened on first use."""

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def size(self) -> int | None:
        """Bytes; None if the file is missing."""
        return self.path.stat().st_size if self.path.is_file() else None


def _check_places(index: Path, records: dict[str, _Record], files: dict[int, _DataFile]) -> None:
    """Every tensor lies within its file, and none in another's place."""
    ends: dict[int, tuple[int, str]] = {}
    for name, record in sorted(records.items(), key=lambda item: (item[1].offset, item[1].end)):
        file = files[record.shard]
        if file.size is not None and record.end > file.size:
            raise CheckpointError(
                f"{file.path}: cut short: {file.size} bytes, but tensor {name} is bytes "
                f"{record.offset} to {record.end}"
            )
        end, before = ends.get(record.shard, (0, ""))
        if record.size and record.offset < end:
            raise CheckpointError(f"{index}: tensors {before} and {name} lie in the same place")
        ends[record.shard] = max((end, before), (record.end, name))


def _read(name: str, record: _Record, file: _DataFile, verify: bool) -> Tensor:
    if file.size is None:
        raise CheckpointError(f"{file.path} is missing; tensor {name} lies in it")
    if record.type not in CODES:
        raise CheckpointError(
            f"{file.path}: tensor {name} is of {record.type}; read are {', '.join(CODES)}"
        )
    octets = map_bytes(file.path, record.offset, record.end)
    if verify and masked_crc32c(octets) != record.checksum:
        raise CheckpointError(
            f"{file.path}: tensor {name}: the checksum does not fit; damaged, fetch the file again"
        )
    return as_tensor(octets, record.type, record.shape)


def _octets(prefix: Path, name: str, tensor: Tensor | npt.NDArray[Any]) -> tuple[int, Octets]:
    """TensorFlow's number for the tensor's type, and the tensor's bytes."""
    type_ = str(tensor.dtype).removeprefix("torch.")
    if type_ not in CODES:
        raise CheckpointError(f"{prefix}: tensor {name} is {type_}; written are {', '.join(CODES)}")
    if isinstance(tensor, Tensor):
        tensor = tensor.detach().cpu().contiguous()
        tensor = (tensor.view(torch.int16) if type_ == "bfloat16" else tensor).numpy()
    return CODES[type_], np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
