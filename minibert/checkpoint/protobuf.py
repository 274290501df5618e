"""Protocol buffers, as much of them as TensorFlow's index needs.

A message is its fields in a row. Each begins with the varint `8 * number + kind`, and the kind says
what follows: a varint (0), 8 bytes (1), a length and as many bytes (2), or 4 bytes (5). Those of
kind 2 are often a message again. A number that is zero is left out; a field may occur many times.

Source: protobuf.dev/programming-guides/encoding.
"""

from collections import defaultdict
from typing import Any

from minibert.checkpoint.leveldb import Scanner, varint

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5


class Message:
    """The fields of a message, by number and kind. Raises `ValueError` if the bytes are none."""

    def __init__(self, data: bytes):
        self.fields: defaultdict[tuple[int, int], list[Any]] = defaultdict(list)
        scanner = Scanner(data)
        while scanner:
            number, kind = divmod(scanner.varint(), 8)
            if kind == VARINT:
                value: int | bytes = scanner.varint()
            elif kind == LENGTH:
                value = scanner.take(scanner.varint())
            elif kind in (FOUR_BYTES, EIGHT_BYTES):
                value = int.from_bytes(scanner.take(4 if kind == FOUR_BYTES else 8), "little")
            else:
                raise ValueError(f"field {number} is of kind {kind}, which there is not")
            self.fields[number, kind].append(value)

    def integer(self, number: int, kind: int = VARINT) -> int:
        """A number, 0 if left out. One below zero comes as one of 2**63 or more."""
        values = self.fields[number, kind]
        return values[-1] if values else 0

    def messages(self, number: int) -> "list[Message]":
        """The messages inside, as often as the field occurs."""
        return [Message(data) for data in self.fields[number, LENGTH]]


def field(number: int, value: int | bytes) -> bytes:
    """A varint, left out if it is zero, or a message, which is not, empty as it may be."""
    if isinstance(value, int):
        return varint(8 * number + VARINT) + varint(value) if value else b""
    return varint(8 * number + LENGTH) + varint(len(value)) + value


def fixed_field(number: int, value: int) -> bytes:
    """A field of four bytes, left out if it is zero."""
    return varint(8 * number + FOUR_BYTES) + value.to_bytes(4, "little") if value else b""
