"""What can happen to a file, and how much time and memory a reader has to find out."""

import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

LIMITED = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="limits are set as on Linux"
)


def flip(data, random):
    """One bit."""
    at = random.integers(len(data))
    return data[:at] + bytes([data[at] ^ 1 << int(random.integers(8))]) + data[at + 1 :]


def overwrite(data, random):
    """Some bytes in a row."""
    at, octets = random.integers(len(data)), random.bytes(random.integers(1, 9))
    return (data[:at] + octets + data[at + len(octets) :])[: len(data)]


def cut(data, random):
    """The end, or a piece from within."""
    at = random.integers(len(data))
    return data[:at] if random.integers(2) else data[:at] + data[at + random.integers(1, 40) :]


def lengthen(data, random):
    """Bytes at the end."""
    return data + random.bytes(random.integers(1, 100))


class TooLong(BaseException):
    """No error that a reader could take for one of its own, as TimeoutError is an OSError."""


@contextmanager
def limits(seconds, mebibytes):
    """An error if the block computes longer, or takes more memory than now and so much more.

    The processor's time counts: a busy machine is no fault of the reader.
    """

    def too_long(*_):
        raise TooLong(f"more than {seconds} s")

    status = Path("/proc/self/status").read_text(encoding="ascii")
    now = int(status.partition("VmData:")[2].split()[0]) << 10
    before = resource.getrlimit(resource.RLIMIT_DATA)
    handler = signal.signal(signal.SIGPROF, too_long)
    resource.setrlimit(resource.RLIMIT_DATA, (now + (mebibytes << 20), before[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_DATA, before)
