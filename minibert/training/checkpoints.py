"""Training state on disk: a folder for each checkpoint, there as a whole or not at all.

checkpoints/step-00000120/
    model.safetensors, ...   the tensors, a file for each part
    state.json               whatever is no tensor
    manifest.json            the size and SHA-256 of each file, written last

A save fills a folder that is called `.unfinished` at first, syncs everything in it, and renames it;
only then does it remove older ones. So there is a whole checkpoint at every moment after the first
save, whatever happens: the process killed, the power cut, the disk full. No file is a pickle.
"""

import errno
import hashlib
import json
import re
import reprlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from minibert.checkpoint import disk
from minibert.checkpoint.json_files import read_json
from minibert.errors import CheckpointError, RunError

FORMAT = 1
MANIFEST, STATE, TENSORS = "manifest.json", "state.json", ".safetensors"
UNFINISHED = ".unfinished"

# A step that is saved once more, after a resume, becomes `step-00000120-2`: nothing is overwritten.
FOLDER = re.compile(r"step-(?P<step>[0-9]{8,})(-(?P<save>[0-9]+))?(\.unfinished)?")
FILE = re.compile(r"[a-z0-9_]+\.safetensors|state\.json")

DTYPES = {  # as safetensors calls them
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

Parts = Mapping[str, Mapping[str, Tensor]]  # {part, such as "optimizer": {name: tensor}}


@dataclass(frozen=True)
class TrainingCheckpoint:
    """A checkpoint that was read, every byte of it as it was written."""

    path: Path
    step: int
    parts: dict[str, dict[str, Tensor]]  # in memory of their own: the files may change or go
    state: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors of one part. Raises `RunError` if the checkpoint was saved without it."""
        if name not in self.parts:
            raise RunError(f"{self.path}: saved without {name}{TENSORS}")
        return self.parts[name]


class Newest(NamedTuple):
    """What `newest_valid` found."""

    checkpoint: TrainingCheckpoint | None
    passed_over: list[str]  # a line for each newer one: which file, and what is wrong with it


def write_checkpoint(
    folder: Path, step: int, parts: Parts, state: Mapping[str, Any], keep: int
) -> Path:
    """Save all that training needs to go on after `step`; returns the checkpoint's own folder.

    folder: where the checkpoints are. parts: each becomes a file, so its name is one word in lower
    case. state: what JSON can hold; NaN it cannot. keep: how many to have afterwards, this one
    included, of those that are whole as far as sizes tell. Checkpoints of later steps, which a run
    has gone back behind, are removed, and so is what a killed save has left; files that no
    checkpoint wrote stay where they are.

    Raises `RunError` if the disk is full or fails; the checkpoints before are then untouched.
    """
    assert all(FILE.fullmatch(name + TENSORS) for name in parts), list(parts)
    state_octets = json.dumps(state, allow_nan=False).encode()
    path = _free_name(folder, step)
    beside = path.with_name(path.name + UNFINISHED)
    try:
        _make_room(folder)
        _fill(beside, step, parts, state_octets)
        disk.rename(beside, path)
        disk.sync_folder(folder)
    except BaseException as error:
        with suppress(OSError):  # what cannot be removed now is left to the next save
            _remove_unfinished(beside)
        if isinstance(error, OSError):
            raise RunError(_not_saved(path, parts, error)) from error
        raise
    try:
        _thin_out(path, keep)
    except OSError as error:
        raise RunError(f"{path}: saved, but an older one cannot be removed: {error}") from error
    return path


def newest_valid(folder: Path) -> Newest:
    """The newest checkpoint in `folder` that can be resumed from, if there is any."""
    passed_over: list[str] = []
    for path in _folders(folder):
        try:
            return Newest(read_checkpoint(path), passed_over)
        except RunError as error:
            passed_over.append(str(error))
    return Newest(None, passed_over)


def read_checkpoint(path: Path) -> TrainingCheckpoint:
    """Check every byte of a checkpoint and read it.

    Raises `RunError` naming the file that is missing or damaged.
    """
    try:
        step, files = _manifest(path)
        _check_sizes(path, files)  # first: it costs nothing
        for name, written in files.items():
            with (path / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != written.sha256:
                    raise RunError(f"{path / name}: damaged, its SHA-256 is not the manifest's")
        parts = {
            name.removesuffix(TENSORS): _tensors(path / name) for name in files if name != STATE
        }
        return TrainingCheckpoint(path, step, parts, _json_object(path / STATE))
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error}") from error


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints and what killed saves have left; the folder too, if that was all."""
    if folder.is_dir():
        _remove_leftovers(folder)
        for path in _folders(folder):
            _remove_checkpoint(path)
        with suppress(OSError):  # it holds something that is not ours
            disk.remove_folder(folder)


# What is written


class _Written(NamedTuple):
    """What the manifest says of a file."""

    size: int  # in bytes
    sha256: str


def _make_room(folder: Path) -> None:
    """See that the folder of all checkpoints is there, without what killed saves have left."""
    if folder.is_dir():
        _remove_leftovers(folder)
    else:
        disk.make_folder(folder)
        disk.sync_folder(folder.parent)


def _fill(beside: Path, step: int, parts: Parts, state_octets: bytes) -> None:
    """Write and sync a whole checkpoint, the manifest last."""
    disk.make_folder(beside)
    files = {}
    for part, tensors in parts.items():
        files[part + TENSORS] = _write(beside / (part + TENSORS), _safetensors(tensors))
    files[STATE] = _write(beside / STATE, [state_octets])
    listed = {name: written._asdict() for name, written in files.items()}
    manifest = json.dumps({"format": FORMAT, "step": step, "files": listed}, indent=1)
    _write(beside / MANIFEST, [manifest.encode()])
    disk.sync_folder(beside)


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> _Written:
    """Write and sync a new file, and compute its checksum in the same pass."""
    size, sha256 = 0, hashlib.sha256()
    with disk.create(path) as file:
        for piece in pieces:
            disk.write(file, piece)
            sha256.update(piece)
            size += len(piece)
        disk.sync(file)
    return _Written(size, sha256.hexdigest())


def _safetensors(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    """The bytes of a safetensors file: the header, then one tensor after the other.

    Not by the library, which writes to a path: here every byte goes through `disk` and into the
    checksum, and from a GPU comes only one tensor at a time.
    Source: the format, https://github.com/huggingface/safetensors#format.
    """
    header, end = {}, 0
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())  # keeps all aligned
    for name in names:
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in names:
        row = tensors[name].detach().cpu().contiguous().reshape(-1)
        yield row.view(torch.uint8).numpy().data


def _not_saved(path: Path, parts: Parts, error: OSError) -> str:
    """Why there is nothing at `path`, and what there is instead."""
    reason = str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = sum(tensor.nbytes for tensors in parts.values() for tensor in tensors.values())
        free = shutil.disk_usage(path.parent.parent).free
        reason = f"the disk is full ({needed / 1e6:.1f} MB needed, {free / 1e6:.1f} MB free)"
    earlier = [p.name for p in _folders(path.parent) if p != path and _has_all_files(p)]
    left = f"{earlier[0]} is untouched" if earlier else "there is no earlier one"
    return f"{path}: not saved: {reason}; {left}"


# What is read


def _manifest(path: Path) -> tuple[int, dict[str, _Written]]:
    """The step of a checkpoint and {file: what was written to it}, all of it safe to use."""
    name = FOLDER.fullmatch(path.name)
    if not path.is_dir():
        raise RunError(f"{path}: no such checkpoint")
    if name is None:
        raise RunError(f"{path}: no checkpoint, or renamed; they are called step-00000120")
    if path.name.endswith(UNFINISHED):
        raise RunError(f"{path}: a save that was stopped before its end")
    file = path / MANIFEST
    content = _json_object(file)
    format, step, files = (content.get(key) for key in ("format", "step", "files"))
    if format != FORMAT:
        raise RunError(f"{file}: format {reprlib.repr(format)}, where {FORMAT} can be read here")
    if step != int(name["step"]):
        raise RunError(f"{file}: of step {reprlib.repr(step)}, not the folder's")
    if not isinstance(files, dict) or STATE not in files:
        raise RunError(f"{file}: lists no {STATE}")
    return int(name["step"]), {name: _listed(file, name, entry) for name, entry in files.items()}


def _listed(manifest: Path, name: str, entry: Any) -> _Written:
    if not FILE.fullmatch(name):
        raise RunError(f"{manifest}: lists {reprlib.repr(name)}, no file of a checkpoint")
    match entry:
        case {"size": int(size), "sha256": str(sha256)}:
            return _Written(size, sha256)
    raise RunError(f"{manifest}: does not give size and sha256 of {name}")


def _check_sizes(path: Path, files: Mapping[str, _Written]) -> None:
    for name, written in files.items():
        if (size := _size(path / name)) != written.size:
            raise RunError(f"{path / name}: {size} bytes long, {written.size} were written")


def _size(file: Path) -> int:
    if not file.is_file():
        raise RunError(f"{file}: missing")
    return file.stat().st_size


def _json_object(file: Path) -> dict[str, Any]:
    _size(file)
    try:
        return read_json(file)
    except CheckpointError as error:
        raise RunError(str(error)) from error


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return {name: tensor.clone() for name, tensor in load_file(file).items()}
    except (SafetensorError, ValueError) as error:
        raise RunError(f"{file}: not a whole safetensors file ({error})") from error


# Which folders there are, and what of them may be removed


def _folders(folder: Path) -> dict[Path, tuple[int, int]]:
    """{folder named as a checkpoint, or as an unfinished one: its step and save}, newest first."""
    if not folder.is_dir():
        return {}
    matches = {path: FOLDER.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()}
    found = {path: (int(m["step"]), int(m["save"] or 1)) for path, m in matches.items() if m}
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))


def _free_name(folder: Path, step: int) -> Path:
    name = f"step-{step:08d}"
    saves = [
        save
        for path, (of, save) in _folders(folder).items()
        if of == step and not path.name.endswith(UNFINISHED)
    ]
    return folder / (f"{name}-{max(saves) + 1}" if saves else name)


def _thin_out(newest: Path, keep: int) -> None:
    """Keep the newest and the last whole ones before it; remove the other checkpoints."""
    paths = list(_folders(newest.parent))
    earlier = paths[paths.index(newest) + 1 :]
    kept = [newest, *(path for path in earlier if _has_all_files(path))][: max(keep, 1)]
    for path in paths:
        if path not in kept:
            _remove_checkpoint(path)


def _has_all_files(path: Path) -> bool:
    try:
        _check_sizes(path, _manifest(path)[1])
    except RunError:
        return False
    return True


def _remove_checkpoint(path: Path) -> None:
    """Remove what the manifest lists, and the manifest after it; without one, nothing."""
    try:
        _, files = _manifest(path)
    except RunError:
        _remove(path, [])
    else:
        _remove(path, [*files, MANIFEST])


def _remove_leftovers(folder: Path) -> None:
    for path in _folders(folder):
        if path.name.endswith(UNFINISHED):
            _remove_unfinished(path)


def _remove_unfinished(path: Path) -> None:
    """Remove all files that a save may have written; the name of the folder says that one did."""
    names = [file.name for file in path.iterdir()]
    _remove(path, [name for name in names if name == MANIFEST or FILE.fullmatch(name)])


def _remove(path: Path, names: list[str]) -> None:
    if not path.is_symlink():
        for name in names:
            if not (path / name).is_dir():
                disk.remove(path / name)
        with suppress(OSError):  # it holds something that is not ours
            disk.remove_folder(path)
