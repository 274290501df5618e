"""LevelDB's table: a file of sorted keys and values, as TensorFlow's `.index` files are.

    +--------------+--------------+-----+-----------------+-------------+--------+
    | data block 0 | data block 1 | ... | metaindex block | index block | footer |
    +--------------+--------------+-----+-----------------+-------------+--------+

The footer, 48 bytes, is read first: the handles of the metaindex block (here always empty) and of
the index block, zeros up to byte 40, and the magic number. A handle is two numbers, where a block
begins and how long it is. Each entry of the index block is the handle of a data block; its key is
as short as may be, but not below the block's last key, and below the next block's first.

Every block is built alike, and a trailer of five bytes follows it:

    | entry | entry | ... | restart points, 4 bytes each | their count || type | checksum |

Type 0 is plain, type 1 compressed by Snappy. The checksum is the masked CRC-32C of block and type.
An entry leaves out what its key shares with the key before it:

    | bytes shared | bytes not shared | length of the value | rest of the key | value |

    0 10 3 bert/query ...  "bert/query"     a restart point: every 16th key stands in full, so that
    5  3 3      key   ...  "bert/key"       a reader may begin there (this one reads it all)

Lengths are varints: seven bits to a byte, the lowest first, and the top bit says that more follow.

Source: google/leveldb, doc/table_format.md; block sizes from tensorflow/core/lib/io.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from minibert.checkpoint.checksum import masked_crc32c
from minibert.errors import CheckpointError

MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER = 48  # bytes
TRAILER = 5
BLOCK_SIZE = 262144  # a data block is closed once it has so many bytes (LevelDB's own files: 4096)
RESTART_INTERVAL = 16
SNAPPY = 1


class Scanner:
    """Reads bytes from front to back. Raises `ValueError` rather than read beyond the end."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self.data) - self.at:
            raise ValueError(f"{count} bytes announced, {len(self.data) - self.at} there")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        """The next number, 64 bits at most."""
        value = 0
        for shift in range(0, 70, 7):
            octet = self.take(1)[0]
            value |= (octet & 0x7F) << shift
            if octet < 0x80 and value < 1 << 64:
                return value
        raise ValueError("a number of more than 64 bits")


def varint(value: int) -> bytes:
    """What `Scanner.varint` reads; value: 0 or more."""
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


class Handle(NamedTuple):
    """Where a block lies in the file: bytes from its start, and bytes without the trailer."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where its trailer ends and the next block begins."""
        return self.offset + self.size + TRAILER

    @classmethod
    def scan(cls, scanner: Scanner) -> "Handle":
        """Read the next handle."""
        return cls(scanner.varint(), scanner.varint())


def is_table(path: Path) -> bool:
    """Whether the file ends as a table does."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - len(MAGIC)))
        return length >= FOOTER and file.read() == MAGIC


def read_table(path: Path, verify: bool = True) -> dict[bytes, bytes]:
    """All keys and values, in the file's order, which is that of the keys.

    verify: check the blocks' checksums. Raises `CheckpointError` naming the file, the block and
    what is wrong. The blocks must fill the file, so that no byte of it goes unread.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) < FOOTER or not data.endswith(MAGIC):
        raise CheckpointError(
            f"{path}: does not end in a table's magic number; cut short, or no TensorFlow index"
        )
    scanner = Scanner(data[-FOOTER : -len(MAGIC)])
    try:
        metaindex, index = Handle.scan(scanner), Handle.scan(scanner)
    except ValueError as error:
        raise CheckpointError(f"{path}: damaged footer ({error})") from error
    if any(scanner.data[scanner.at :]):
        raise CheckpointError(f"{path}: damaged footer (zeros expected after its two handles)")

    rows: dict[bytes, bytes] = {}
    last, end = b"", 0
    for number, (bound, value) in enumerate(_block(path, data, "index block", index, verify)):
        name = f"data block {number}"
        try:
            handle = Handle.scan(Scanner(value))
        except ValueError as error:
            raise CheckpointError(f"{path}: index block: no handle of {name} ({error})") from error
        _follows(path, name, handle, end)
        for key, value in _block(path, data, name, handle, verify):
            if rows and key <= last:
                raise CheckpointError(f"{path}: {name}: key {key!r} after {last!r} is out of order")
            rows[key] = value
            last = key
        if last > bound:
            raise CheckpointError(f"{path}: {name}: key {last!r} is not in the block's range")
        end = handle.end
    _follows(path, "metaindex block", metaindex, end)
    for _ in _block(path, data, "metaindex block", metaindex, verify):
        raise CheckpointError(f"{path}: metaindex block: not empty; not written by TensorFlow")
    _follows(path, "index block", index, metaindex.end)
    _follows(path, "footer", Handle(len(data) - FOOTER, 0), index.end)
    return rows


def _follows(path: Path, name: str, handle: Handle, end: int) -> None:
    if handle.offset != end:
        raise CheckpointError(
            f"{path}: {name} begins at byte {handle.offset}, but what is before it ends at {end}"
        )


def _block(
    path: Path, data: bytes, name: str, handle: Handle, verify: bool
) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block."""
    try:
        yield from _entries(data, handle, verify)
    except ValueError as error:
        raise CheckpointError(f"{path}: {name} at byte {handle.offset}: {error}") from error


def _entries(data: bytes, handle: Handle, verify: bool) -> Iterator[tuple[bytes, bytes]]:
    if handle.end > len(data) - FOOTER:
        raise ValueError(f"{handle.size} bytes long, beyond the end of the file")
    block = data[handle.offset : handle.end]
    contents, kind = block[: handle.size], block[handle.size]
    if verify and masked_crc32c(block[:-4]) != int.from_bytes(block[-4:], "little"):
        raise ValueError("the checksum does not fit; damaged, fetch the file again")
    if kind:
        how = "compressed by Snappy" if kind == SNAPPY else f"of unknown type {kind}"
        raise ValueError(f"{how}; TensorFlow writes its indexes plain, and only such are read")
    restarts = int.from_bytes(contents[-4:], "little")
    length = len(contents) - 4 - 4 * restarts
    if length < 0:
        raise ValueError(f"{restarts} restart points in {handle.size} bytes")

    scanner = Scanner(contents[:length])
    key, expanded = b"", 0
    while scanner:
        shared, rest, size = scanner.varint(), scanner.varint(), scanner.varint()
        if shared > len(key):
            raise ValueError(f"a key that shares {shared} bytes with one of {len(key)}")
        key = key[:shared] + scanner.take(rest)
        expanded += len(key)
        if expanded > RESTART_INTERVAL * length:  # a few bytes could ask for gigabytes
            raise ValueError("keys longer than restart points allow")
        yield key, scanner.take(size)


class _Block:
    """A block that is being filled."""

    def __init__(self, restart_interval: int):
        self.restart_interval = restart_interval
        self.entries = bytearray()
        self.restarts = [0]
        self.count = 0  # entries since the last restart point
        self.last = b""

    def add(self, key: bytes, value: bytes) -> None:
        if self.count == self.restart_interval:
            self.restarts.append(len(self.entries))
            self.count, self.last = 0, b""
        shared = _shared(self.last, key)
        for length in (shared, len(key) - shared, len(value)):
            self.entries += varint(length)
        self.entries += key[shared:] + value
        self.count, self.last = self.count + 1, key

    def finish(self) -> bytes:
        numbers = [*self.restarts, len(self.restarts)]
        return bytes(self.entries) + b"".join(n.to_bytes(4, "little") for n in numbers)

    @property
    def size(self) -> int:
        return len(self.entries) + 4 * len(self.restarts) + 4


def table_bytes(rows: Mapping[bytes, bytes]) -> bytes:
    """A table of these keys and values, to the byte as TensorFlow writes it."""
    file = bytearray()

    def append(block: _Block) -> bytes:
        """Put a block at the file's end; its handle, as it is written."""
        contents = block.finish() + b"\0"  # type 0: plain
        handle = varint(len(file)) + varint(len(contents) - 1)
        file.extend(contents + masked_crc32c(contents).to_bytes(4, "little"))
        return handle

    index, block = _Block(1), _Block(RESTART_INTERVAL)
    keys = sorted(rows)
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        block.add(key, rows[key])
        if following is None or block.size >= BLOCK_SIZE:
            index.add(_separator(key, following), append(block))
            block = _Block(RESTART_INTERVAL)
    handles = append(_Block(RESTART_INTERVAL)) + append(index)
    return bytes(file) + handles.ljust(FOOTER - len(MAGIC), b"\0") + MAGIC


def _separator(key: bytes, following: bytes | None) -> bytes:
    """A short key, not below `key` and below `following`: cut where one byte can be raised by one.

    As LevelDB does it, which is not always the shortest.
    """
    if following is None:  # the last block: any key above will do
        at = next((i for i, octet in enumerate(key) if octet < 0xFF), None)
    else:
        at = _shared(key, following)
        if at == len(key) or key[at] + 1 >= following[at]:
            at = None
    return key if at is None else key[:at] + bytes([key[at] + 1])


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    both = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))
