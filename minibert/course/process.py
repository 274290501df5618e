"""Run the learner's code in a process of its own, and end it when it takes too much.

This keeps mistakes from doing harm, not people: the process may read what its user may read.
"""

import json
import multiprocessing
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Semaphore
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from minibert.course import child
from minibert.course.calling import Outcome, Raised
from minibert.course.comparison import Failure, failure_of
from minibert.course.exercise import Exercise, Probe
from minibert.course.values import LARGEST_FILE, clean, pack, read_arrays, unpack, write_arrays

# A process is forked from one that has torch loaded; where that is not possible, it begins anew.
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
# Seconds of the clock before a process must have begun, and how many for one of the processor's:
# the grader's machine may be busy.
PATIENCE = 5 if FORKS else 20
CLOCK = 3
# Statuses of a process that has used up its time: the second, if it does not listen to the first.
ENDED_BY_LIMIT = [-getattr(signal, name, 0) for name in ("SIGXCPU", "SIGKILL")]
# multiprocessing's status for a process whose server has died
BROKEN_OFF = 255
TRIES = 3  # alone: the server may still be dying in the first
# multiprocessing's own bookkeeping is not made for several threads
_bookkeeping = Lock()
# A process takes one slot; one that shall be alone takes all of them, and nobody else meanwhile.
SLOTS = 64
_slots = Semaphore(SLOTS)
_collecting = Lock()


class Limits(NamedTuple):
    """What one exercise may take."""

    seconds: float = 10.0  # of the processor; by the clock three times as much, and some more
    megabytes: int = 2048


class Answer(NamedTuple):
    """What came back of one exercise: outcomes of all its calls, or a failure."""

    outcomes: tuple[Outcome, ...] = ()
    failure: Failure | None = None
    loaded: bool = True  # False: the file itself failed, and will for every other exercise


def answer(
    text: str, file: str, exercise: Exercise, probes: Sequence[Probe], seed: int, limits: Limits
) -> Answer:
    """Call the exercise's function of a learner's file on every probe, in a process of its own.

    text: what stands in the file; file: its name, for messages
    """
    given = (text, file, exercise, probes, seed, limits)
    with _taking(1):
        found = _try(*given)
    if found is None:
        # A learner's process has ended the server, and with it all others. Whose was it?
        with _taking(SLOTS):
            for _ in range(TRIES):
                found = found or _try(*given)
    message = "its process ended the server that had started it"
    return found or Answer(failure=Failure("crashed", message), loaded=False)


def _try(
    text: str, file: str, exercise: Exercise, probes: Sequence[Probe], seed: int, limits: Limits
) -> Answer | None:
    """The answer; None if the process was broken off."""
    with TemporaryDirectory(prefix="minibert-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        request = {
            "text": text,
            "file": file,
            "function": exercise.name,
            "forbidden": exercise.forbidden,
            "probes": [[pack(one.arguments, arrays), one.gradients] for one in probes],
            "seed": seed,
            "seconds": limits.seconds,
            "bytes": limits.megabytes * 2**20,
        }
        (folder / "work").mkdir()
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        write_arrays(folder / "request.npz", arrays)
        status = _run(folder, limits)
        if status == BROKEN_OFF:
            return None
        if status == 0 and (folder / "answer.json").exists():
            return _read(folder, exercise, len(probes))
        return _ended(status, folder, probes, limits)


@contextmanager
def _taking(slots: int) -> Iterator[None]:
    with _collecting:
        for _ in range(slots):
            _slots.acquire()
    try:
        yield
    finally:
        _slots.release(slots)


def _run(folder: Path, limits: Limits) -> int | None:
    """The process's exit status, negative for a signal; None if it took too long."""
    start = time.monotonic()
    try:
        with _bookkeeping:
            process = _start(folder)
    except (EOFError, ConnectionError):  # the server is dying
        time.sleep(1)
        return BROKEN_OFF
    in_time = bool(wait([process.sentinel], CLOCK * limits.seconds + PATIENCE))
    if not in_time:
        with suppress(ProcessLookupError):
            process.kill()
    if hasattr(os, "killpg"):  # and whatever it has started
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with _bookkeeping:
        process.join()
        status: int = process.exitcode
        process.close()
    if in_time and status in ENDED_BY_LIMIT and time.monotonic() - start >= limits.seconds:
        in_time = False
    return status if in_time else None


def _start(folder: Path) -> Any:
    """Start the child; without running the main module of this process once more in it.

    multiprocessing would, for classes that are pickled: there are none here. It takes time, and
    that module may know the answers.
    """
    process = CONTEXT.Process(target=child.main, args=(str(folder),), daemon=True)
    if FORKS:
        CONTEXT.set_forkserver_preload([child.__name__])
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
    return process


def _ended(status: int | None, folder: Path, probes: Sequence[Probe], limits: Limits) -> Answer:
    """A process that has left no answer."""
    try:
        progress = _content(folder / "progress.txt", 100).decode()
        probe = "" if progress == "loading" else probes[int(progress)].name
    except (OSError, ValueError, IndexError):
        progress = probe = ""
    loading = progress == "loading"
    while_loading = " while the file was loaded" if loading else ""
    if status is None:
        message = f"not done after {limits.seconds:g} seconds{while_loading}: an endless loop?"
        failure = Failure("too slow", message, probe)
    else:
        how = f"with status {status}"
        if status < 0:
            names = {one.value: one.name for one in signal.Signals}
            how = f"by {names.get(-status, f'signal {-status}')}"
        failure = Failure(
            "crashed", f"the process ended {how}{while_loading}, without an answer", probe
        )
    return Answer(failure=failure, loaded=not loading)


def _read(folder: Path, exercise: Exercise, count: int) -> Answer:
    """The child's answer. The learner may have written it: nothing is taken for granted."""
    try:
        answer = json.loads(_content(folder / "answer.json", LARGEST_FILE))
        stage = answer["stage"]
        if stage == "done":
            arrays = read_arrays(_content(folder / "answer.npz", LARGEST_FILE))
            outcomes = tuple(_outcome(one, arrays) for one in answer["outcomes"])
            if len(outcomes) != count:
                raise ValueError("outcomes are missing")
            return Answer(outcomes)
        if stage == "find":
            return Answer(failure=_not_found(exercise.name, answer["there"], answer["near"]))
        raised = _raised(answer["raised"])
    except Exception:  # of a file that anybody may have written there is nothing to rely on
        return Answer(failure=Failure("crashed", "the process has left no answer that can be read"))
    if stage == "compile":
        return Answer(
            failure=Failure("syntax error", raised.message, "", raised.lines), loaded=False
        )
    return Answer(failure=failure_of(raised), loaded=stage != "load")


def _not_found(name: str, there: bool, near: Sequence[str]) -> Failure:
    if there:
        return Failure("no such function", f"{name} is there, but not a function")
    hint = f"; did you mean {clean(str(near[0]))}?" if near else ""
    return Failure("no such function", f"the file has no function {name}{hint}")


def _outcome(packed: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Outcome:
    result, gradients, arguments = (unpack(part, arrays) for part in packed[:3])
    return Outcome(result, gradients, arguments, packed[3] and _raised(packed[3]))


def _raised(packed: Any) -> Raised:
    kind, message, lines = packed
    return Raised(clean(kind), clean(message), tuple(map(clean, lines)))


def _content(file: Path, most: int) -> bytes:
    """A regular file's bytes; raises OSError for links, pipes, and files that are too long."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(file, flags | getattr(os, "O_BINARY", 0)), "rb") as opened:
        known = os.fstat(opened.fileno())
        if not stat.S_ISREG(known.st_mode) or known.st_size > most:
            raise OSError(f"{file} is no file of at most {most} bytes")
        return opened.read(most)
