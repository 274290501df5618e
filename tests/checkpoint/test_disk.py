"""What each word of the write layer really asks of the system."""

import os
import stat

import pytest

from minibert.checkpoint import disk
from minibert.checkpoint.disk import write_atomically


@pytest.fixture
def synced(monkeypatch):
    """What the system was asked to sync: the inode of each, with its size then."""
    seen = []

    def see(handle):
        found = os.fstat(handle)
        seen.append((found.st_ino, None if stat.S_ISDIR(found.st_mode) else found.st_size))

    monkeypatch.setattr(os, "fsync", see)
    return seen


def test_a_file_is_written_before_it_is_synced(tmp_path, synced):
    with disk.create(tmp_path / "file") as file:
        disk.write(file, b"12345")
        disk.sync(file)

        assert synced == [((tmp_path / "file").stat().st_ino, 5)]


def test_a_folder_is_synced_itself(tmp_path, synced):
    disk.sync_folder(tmp_path)

    assert synced == [(tmp_path.stat().st_ino, None)]
    with pytest.raises(FileNotFoundError):
        disk.sync_folder(tmp_path / "nowhere")


def test_a_disk_that_takes_little_at_a_time_gets_all():
    class Reluctant:
        taken = b""

        def write(self, octets):
            self.taken += bytes(octets[:3])
            return min(3, len(octets))

    file = Reluctant()
    disk.write(file, b"0123456789")
    assert file.taken == b"0123456789"


def test_a_file_is_created_never_overwritten(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(FileExistsError):
        disk.create(tmp_path / "file")


@pytest.mark.parametrize("content", ["12345", b"12345", lambda path: path.write_text("12345")])
def test_what_is_written_atomically_is_synced_renamed_and_its_name_synced(
    tmp_path, synced, monkeypatch, content
):
    order = []
    real = {name: getattr(disk, name) for name in ("sync", "rename", "sync_folder")}
    for name in real:

        def note(*arguments, name=name):
            order.append(name)
            real[name](*arguments)

        monkeypatch.setattr(disk, name, note)
    write_atomically(tmp_path / "file", content)

    assert order == ["sync", "rename", "sync_folder"]
    assert synced == [((tmp_path / "file").stat().st_ino, 5), (tmp_path.stat().st_ino, None)]
    assert (tmp_path / "file").read_text() == "12345"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_where_no_file_can_be_the_error_names_what_was_asked_for(tmp_path):
    """Not the hidden file beside it."""
    with pytest.raises(FileNotFoundError, match=r"no such folder: '.*/none'$"):
        write_atomically(tmp_path / "none" / "file", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"a folder, not a file to write: '.*/folder'$"):
        write_atomically(tmp_path / "folder", "")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
