"""Checkpoints in archives: pytorch-pretrained-bert's .tar.gz, Google's .zip.

An archive is unpacked into a temporary folder that goes with the process. It may hold anything, so
the list of its members is judged before a byte is written: one that points out of the folder, a
link or a device refuses the whole archive, and so does one that would grow beyond all measure.
"""

import gzip
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from minibert.checkpoint.files import CONFIG_FILES
from minibert.errors import CheckpointError

# Weights shrink by a tenth when compressed. What grows a hundredfold is made to fill the disk.
MOST_GROWTH = 100
SMALL = 1 << 24  # bytes that fill no disk, however few they were before
MOST_MEMBERS = 1000
ZIP, GZIP = b"PK\3\4", b"\x1f\x8b"  # how these files begin

Kind = Literal["file", "folder", "link or device"]


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    size: int  # bytes, unpacked
    kind: Kind
    open: Callable[[], Any]


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, by its content; it need not be a whole one."""
    return path.is_file() and (_begins_with(path, ZIP, GZIP) or tarfile.is_tarfile(path))


def unpack(path: Path) -> Path:
    """The folder with the archive's checkpoint, unpacked once for each process.

    Raises `CheckpointError` for an archive that is damaged, unsafe, or holds no checkpoint.
    """
    return _unpack(path.resolve(), path.stat().st_mtime_ns)


_folders: list[TemporaryDirectory[str]] = []  # each is removed when the process ends


@cache
def _unpack(path: Path, _: int) -> Path:
    try:
        with _members(path) as listed:
            members = _judged(path, listed)
            inside = _checkpoint_among(path, members)
            _folders.append(TemporaryDirectory(prefix="minibert-"))
            folder = Path(_folders[-1].name)
            _write(path, members, folder)
    except CheckpointError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot be unpacked ({what}); if it is damaged, fetch it again"
        ) from error
    return folder / inside


def _begins_with(path: Path, *begins: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith(begins)


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    """The archive's entries, in its order."""
    if _begins_with(path, ZIP):
        with zipfile.ZipFile(path) as zipped:
            yield (
                Member(
                    item.filename, item.file_size, _kind(item), partial(zipped.open, item.filename)
                )
                for item in zipped.infolist()
            )
    else:
        unzipped = _Gunzipped(path) if _begins_with(path, GZIP) else path.open("rb")
        with unzipped as file, tarfile.open(fileobj=file, mode="r:") as taped:
            yield (
                Member(
                    item.name,
                    item.size,
                    "file" if item.isreg() else "folder" if item.isdir() else "link or device",
                    partial(taped.extractfile, item),
                )
                for item in taped
            )
            while file.read(SMALL):  # on to the end, where gzip's checksum stands
                pass


class _Gunzipped(gzip.GzipFile):
    """A .tar.gz without huge headers: tarfile reads each in one piece, into memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size and size > SMALL:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def _kind(item: zipfile.ZipInfo) -> Kind:
    """What Unix notes of a zip's entry is 8 for a file, 4 for a folder, 0 where it was not Unix."""
    noted = item.external_attr >> 28
    if item.is_dir() and noted in (0, 4):
        return "folder"
    return "file" if noted in (0, 8) and not item.is_dir() else "link or device"


def _judged(path: Path, members: Iterator[Member]) -> list[Member]:
    """All members, if there is nothing wrong with any of them."""
    judged: list[Member] = []
    most = max(SMALL, MOST_GROWTH * path.stat().st_size)
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    total = 0
    for member in members:
        place, windows = PurePosixPath(member.name), PureWindowsPath(member.name)
        is_file = member.kind == "file"
        total += member.size
        fault = ""
        if ".." in place.parts + windows.parts or place.anchor or windows.anchor:
            fault = "points out of the archive"
        elif member.kind == "link or device":
            fault = "is a link or a device"
        elif not place.parts and is_file:
            fault = "has no name"
        elif place in files or files.intersection(place.parents) or (is_file and place in folders):
            fault = "is there twice"
        elif len(judged) == MOST_MEMBERS or total > most:
            fault = f"is one too many: {len(judged) + 1} members of {total} bytes fill the disk"
        if fault:
            raise CheckpointError(f"{path}: {member.name!r} {fault}; nothing of it was unpacked")
        judged.append(member)
        folders.update(place.parents)
        (files if is_file else folders).add(place)
    return judged


def _checkpoint_among(path: Path, members: list[Member]) -> PurePosixPath:
    """The folder nearest to the archive's root that has a config."""
    places = [PurePosixPath(member.name) for member in members if member.kind == "file"]
    configs = [place for place in places if place.name in CONFIG_FILES]
    if not configs:
        raise CheckpointError(f"{path}: no {' and no '.join(CONFIG_FILES)} in it, so no checkpoint")
    return min(configs, key=lambda place: (len(place.parts), place)).parent


def _write(path: Path, members: list[Member], folder: Path) -> None:
    for member in members:
        if member.kind == "folder":
            continue
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as file:
            shutil.copyfileobj(source, file)  # the formats' readers stop at the size they listed
        if target.stat().st_size != member.size:
            raise CheckpointError(f"{path}: {member.name!r} is cut short; fetch it again")
