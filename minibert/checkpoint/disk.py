"""The few things done to a disk when something is saved; all safe writing goes through them.

A process can be killed between any two of them, or in the middle of one. A power cut takes more:
what a file holds is certain only once the file is synced, and what it is called only once the
folder that holds it is synced. Call them as `disk.write(...)`: tests put others in their place, to
see the order and to fail at each.
"""

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any


def make_folder(path: Path) -> None:
    """Make a folder, if it is not there, in one that is."""
    path.mkdir(exist_ok=True)


def create(path: Path) -> FileIO:
    """Open a new file, to be written without a buffer: what `write` was given has left us."""
    return path.open("xb", buffering=0)


def write(file: FileIO, octets: bytes | memoryview) -> None:
    """Write all of it, however little the system takes at a time."""
    rest = memoryview(octets)
    while rest:
        rest = rest[file.write(rest) :]


def sync(file: FileIO) -> None:
    """Wait until what the file holds is on the disk."""
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk. (Windows has no such call.)"""
    if sys.platform != "win32":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def rename(path: Path, target: Path) -> None:
    """Give a file or a folder another name in one step; a file that has it already is replaced."""
    path.replace(target)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder. Raises `OSError` if anything is in it."""
    path.rmdir()


def write_atomically(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    """Put `content`, given as it is or as a function that fills a file, at `path`: all or nothing.

    It is written beside `path` and then renamed, so a crash or a full disk leaves what was there;
    once this returns, a power cut cannot take it back. Raises `OSError` where no file can be.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder, not a file to write", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        if isinstance(content, str):
            beside.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            beside.write_bytes(content)
        else:
            content(beside)
        beside.chmod(0o644)
        with beside.open("r+b", buffering=0) as written:
            sync(written)
        rename(beside, path)
        sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file for people to read too, whole or not at all."""
    write_atomically(path, json.dumps(content, indent=2) + "\n")
