"""Checkpoints in archives: pytorch-pretrained-bert's .tar.gz, Google's .zip.

An archive is unpacked into a temporary folder that goes with the process. It may hold anything, so
the list of its members is judged before a byte is written: one that points out of the folder, a
link or a device refuses the whole archive, and so does one that would grow beyond all measure.
"""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from minibert.checkpoint.files import CONFIG_FILES
from minibert.errors import CheckpointError

# Weights shrink by a tenth when compressed. What grows a hundredfold is made to fill the disk.
MOST_GROWTH = 100
SMALL = 1 << 24  # bytes that fill no disk, however few they were before
MOST_MEMBERS = 1000
# What the two libraries raise for damage, passwords, and compression that they do not know.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class Member(NamedTuple):
    """One file of an archive."""

    name: str
    size: int  # bytes, unpacked
    plain: bool  # a file, no link, no device
    open: Callable[[], Any]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(path: Path) -> Path:
    """The folder with the archive's checkpoint, unpacked once for each process.

    Raises `CheckpointError` for an archive that is damaged, unsafe, or holds no checkpoint.
    """
    return _unpack(path.resolve(), path.stat().st_mtime_ns)


_folders: list[TemporaryDirectory[str]] = []  # each is removed when the process ends


@cache
def _unpack(path: Path, _: int) -> Path:
    _folders.append(TemporaryDirectory(prefix="minibert-"))
    folder = Path(_folders[-1].name)
    try:
        with _members(path) as members:
            _write(path, _judged(path, members), folder)
    except (*DAMAGE, FileExistsError, NotADirectoryError) as error:
        raise CheckpointError(f"{path}: not a whole archive ({error}); fetch it again") from error
    configs = [file for name in CONFIG_FILES for file in folder.rglob(name)]
    if not configs:
        raise CheckpointError(f"{path}: no {' and no '.join(CONFIG_FILES)} in it, so no checkpoint")
    return min(configs, key=lambda file: (len(file.parts), file)).parent


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    """The archive's files as they are listed; what is neither file nor folder refuses it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            yield (
                Member(
                    entry.filename, entry.file_size, _is_plain(entry), partial(zipped.open, entry)
                )
                for entry in zipped.infolist()
                if not entry.is_dir()
            )
    else:
        with tarfile.open(path) as taped:
            yield (
                Member(item.name, item.size, item.isreg(), partial(taped.extractfile, item))
                for item in taped
                if not item.isdir()
            )


def _is_plain(item: zipfile.ZipInfo) -> bool:
    """Whether a zip's entry is a file: what Unix notes of its kind is 8, or 0 where it was not."""
    return item.external_attr >> 28 in (0, 8)


def _judged(path: Path, members: Iterator[Member]) -> list[Member]:
    """All members, if there is nothing wrong with any of them."""
    judged: list[Member] = []
    most = max(SMALL, MOST_GROWTH * path.stat().st_size)
    names, total = set(), 0
    for member in members:
        parts = PurePosixPath(member.name).parts + PureWindowsPath(member.name).parts
        names.add(PurePosixPath(member.name))
        total += member.size
        fault = ""
        if ".." in parts or PureWindowsPath(member.name).anchor or not parts:
            fault = "points out of the archive"
        elif not member.plain:
            fault = "is a link or a device"
        elif len(names) == len(judged):
            fault = "is there twice"
        elif len(names) > MOST_MEMBERS or total > most:
            fault = f"is one too many: {len(names)} files of {total} bytes, made to fill the disk"
        if fault:
            raise CheckpointError(f"{path}: {member.name} {fault}; nothing of it was unpacked")
        judged.append(member)
    return judged


def _write(path: Path, members: list[Member], folder: Path) -> None:
    for member in members:
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as file:
            shutil.copyfileobj(source, file)  # the formats' readers stop at the size they listed
        if target.stat().st_size != member.size:
            raise CheckpointError(f"{path}: {member.name} is cut short; fetch it again")
