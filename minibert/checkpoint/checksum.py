"""CRC-32C, the checksum of TensorFlow's files: in NumPy, or by the `crc32c` wheel if it is there.

A CRC reads a file as the digits of one long polynomial over the two numbers 0 and 1, and keeps the
remainder of its division by a fixed polynomial. Such remainders add up, by exclusive or:

    the register after  ABCDEFGH  =  (that after ABCD, moved on over four zero bytes)
                                     ^ (that after EFGH alone)

so a file need not be read byte by byte. It is laid out in rows of many words, all words of a row
are moved on at once over the length of a row, and the next row is added; then the left half of what
remains is moved on over the right half, until a single word is left. Moving on is itself linear:
two tables, for the lower and the upper 16 bits, do it for any register.

Source: Koopman 2002, "32-bit cyclic redundancy codes for internet applications" (the field);
RFC 3720, appendix B.4 (polynomial and examples).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

POLYNOMIAL = 0x82F63B78  # Castagnoli's, the lowest bit first
ONES = 0xFFFFFFFF  # the register begins so, and is inverted at the end
LANES = 1 << 14  # words in a row: few enough for the cache, many enough for NumPy


def masked_crc32c(data: bytes | npt.NDArray[np.uint8]) -> int:
    """CRC-32C as LevelDB stores it: rotated and moved, since a CRC of data with a CRC is weak."""
    crc = _implementation()(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & ONES


def how_computed() -> str:
    """What computes it here, in words."""
    if _implementation() is crc32c_numpy:
        return "by NumPy, which doubles the time of loading; pip install crc32c is faster"
    return "by the crc32c wheel"


@cache
def _implementation() -> Callable[[bytes | npt.NDArray[np.uint8]], int]:
    try:
        from crc32c import crc32c
    except ImportError:
        return crc32c_numpy
    return crc32c


def crc32c_numpy(data: bytes | npt.NDArray[np.uint8]) -> int:
    """CRC-32C without the wheel, which is faster."""
    octets = np.frombuffer(data, np.uint8)
    count = len(octets) // 4
    register = np.array([ONES], np.uint32)
    if count:
        register = _fold(octets[: 4 * count].view("<u4"))
    for octet in octets[4 * count :]:
        register = _move_on(register ^ octet, 1)
    return int(register[0]) ^ ONES


def _fold(words: Words) -> Words:
    """The register after at least one word."""
    lanes = min(LANES, 1 << (len(words) - 1).bit_length())
    first = (len(words) - 1) % lanes + 1  # the first row may be short: zeros in front count nothing
    row = np.zeros(lanes, np.uint32)
    row[-first:] = words[:first]
    row[-first] ^= ONES
    for following in words[first:].reshape(-1, lanes):
        row = _move_on(row, 4 * lanes) ^ following
    while len(row) > 1:
        half = len(row) // 2
        row = _move_on(row[:half], 4 * half) ^ row[half:]
    return _move_on(row, 4)


def _move_on(registers: Words, distance: int) -> Words:
    """Each register as it is `distance` zero bytes later; `distance` is a power of two."""
    lower, upper = _tables(distance)
    halves = registers.astype("<u4", copy=False).view("<u2")
    return lower.take(halves[::2], mode="wrap") ^ upper.take(halves[1::2], mode="wrap")


@cache
def _tables(distance: int) -> tuple[Words, Words]:
    """Where every lower and every upper half of a register moves."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)  # 32 registers with a single bit each
    if distance == 1:
        for _ in range(8):
            bits = bits >> np.uint32(1) ^ np.uint32(POLYNOMIAL) * (bits & np.uint32(1))
    else:
        bits = _move_on(_move_on(bits, distance // 2), distance // 2)
    return _sums(bits[:16]), _sums(bits[16:])


def _sums(bits: Words) -> Words:
    """For every number of 16 bits, the sum of those of `bits` that it selects."""
    sums = np.zeros(1, np.uint32)
    for bit in bits:
        sums = np.concatenate([sums, sums ^ bit])
    return sums
