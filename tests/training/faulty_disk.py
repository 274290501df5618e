"""A disk that writes down what is done to it, and fails where it is told to."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from minibert.checkpoint import disk

OPERATIONS = "make_folder create write sync sync_folder rename remove remove_folder".split()
KILLED = 9  # exit code of a child that stopped where it was told to


class Fault(NamedTuple):
    """What happens, at which operation, and in a write after how many bytes of it."""

    kind: str  # "kill"; "power cut": and what was not synced is lost; "full": no space left
    at: int
    octets: int = 0


class Call(NamedTuple):
    operation: str
    path: Path
    octets: int  # of a write

    def __str__(self):
        return f"{self.operation} {self.path.name}"


class FaultyDisk:
    """Stands in for `minibert.checkpoint.disk`; really syncs nothing, but knows what was not."""

    def __init__(self, fault=None):
        self.fault = fault
        self.calls = []
        self._real = {name: getattr(disk, name) for name in OPERATIONS}
        self._unsynced = set()  # files whose content is not on the disk
        self._unnamed = set()  # files and folders whose names are not
        self._renamed = []  # (path, target) that would be undone

    @contextmanager
    def installed(self):
        """Inside, whatever is saved goes through here."""
        for name in OPERATIONS:
            setattr(disk, name, lambda *a, name=name: self._do(name, *a))
        try:
            yield self
        finally:
            for name, function in self._real.items():
                setattr(disk, name, function)

    def _do(self, name, first, second=None):
        path = first if isinstance(first, Path) else Path(first.name)
        call = Call(name, path, len(second) if name == "write" else 0)
        self.calls.append(call)
        if self.fault and self.fault.at == len(self.calls) - 1:
            if self.fault.octets:
                self._real["write"](first, second[: self.fault.octets])
            self.fail()
        if name == "create":
            self._unsynced.add(path)
        if name in ("create", "make_folder") and not path.exists():
            self._unnamed.add(path)
        if name == "sync":
            self._unsynced.discard(path)
        elif name == "sync_folder":
            self._unnamed = {file for file in self._unnamed if file.parent != path}
            self._renamed = [(old, new) for old, new in self._renamed if new.parent != path]
        elif second is None:
            return self._real[name](first)
        else:
            self._real[name](first, second)
        if name == "rename":
            self._renamed.append((first, second))
            self._follow(first, second)
        return None

    def fail(self):
        if self.fault.kind == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.fault.kind == "power cut":
            self._lose()
        os._exit(KILLED)

    def _lose(self):
        """Undo all that nobody has synced."""
        for old, new in reversed(self._renamed):
            new.rename(old)
            self._follow(new, old)
        for path in self._unsynced:
            os.truncate(path, path.stat().st_size // 2)
        for path in self._unnamed:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _follow(self, old, new):
        """What is known of the files in a folder, after the folder got another name."""
        for known in (self._unsynced, self._unnamed):
            inside = {path for path in known if path.is_relative_to(old)}
            known -= inside
            known |= {new / path.relative_to(old) for path in inside}


def faults(calls):
    """Every way to fail in a saving that did `calls`: at each, and in each write after some."""
    for at, call in enumerate(calls):
        some = {1, call.octets // 2, call.octets - 1, call.octets} - {0, -1}
        for octets in (0, *sorted(some)) if call.operation == "write" else (0,):
            for kind in ("kill", "power cut", "full"):
                yield Fault(kind, at, octets)


def in_child(function):
    """Call `function` in a fork of this process, which then ends; its exit code."""
    child = os.fork()
    if not child:
        try:
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
