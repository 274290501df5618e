"""What runs in the learner's process: load the file, call the function, write down what came of it.

Everything comes from and goes into files of one private folder. The expected values are not here,
nor is any module that could compute them under another name.
"""

import difflib
import json
import linecache
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from minibert.course.calling import Raised, ReadyMade, call, describe
from minibert.course.exercise import Probe
from minibert.course.values import LARGEST_FILE, pack, read_arrays, unpack, write_arrays

resource: Any
try:
    import resource
except ImportError:  # Windows has no such limits: there the clock alone ends an endless loop
    resource = None

MODULE = "learner"  # what the learner's file is imported as: `__main__` blocks do not run
ANSWERS = "minibert.course.exercises"  # holds the references: closed to the learner's file


def main(folder: str) -> None:
    """Do what `request.json` in the folder asks for, and leave the answer there."""
    if hasattr(os, "setsid"):
        os.setsid()  # so that the grader can end whatever this process starts
    place = Path(folder)
    request = json.loads((place / "request.json").read_text(encoding="utf-8"))
    arrays = read_arrays((place / "request.npz").read_bytes())
    probes = [
        Probe("", unpack(arguments, arrays), tuple(gradients))
        for arguments, gradients in request["probes"]
    ]
    torch.set_num_threads(1)  # the others of a class are graded at the same time
    _silence(place / "output.txt")
    os.chdir(place / "work")
    _limit(request["seconds"], request["bytes"])
    try:
        answer, results = _answer(request, probes, place / "progress.txt")
        _write(place, answer, results)
    except BaseException as error:  # whatever a learner's file may raise, in a destructor or later
        _write(place, {"stage": "call", "raised": describe(error, request["file"])}, {})
    os._exit(0)  # without waiting for threads, or for what was registered to run at exit


def _answer(
    request: dict[str, Any], probes: Sequence[Probe], progress: Path
) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The answer as JSON can hold it, and its arrays."""
    file, name, forbidden = request["file"], request["function"], request["forbidden"]
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    progress.write_text("loading")
    try:
        code = compile(request["text"], file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"stage": "compile", "raised": _syntax(error)}, arrays
    _forbid(forbidden)
    try:
        names = _load(code, file, request["text"])
    except BaseException as error:
        return {"stage": "load", "raised": describe(error, file)}, arrays
    function = names.get(name)
    if not callable(function):
        written = [one for one, value in names.items() if callable(value) and one[0] != "_"]
        near = difflib.get_close_matches(name, written, 1)
        return {"stage": "find", "there": name in names, "near": near}, arrays
    operators = [one for one in forbidden if one.startswith("aten.")]
    outcomes = []
    for number, probe in enumerate(probes):
        progress.write_text(str(number))
        outcome = call(function, probe, request["seed"], operators, file)
        outcomes.append([pack(part, arrays) for part in outcome[:3]] + [outcome.raised])
    return {"stage": "done", "outcomes": outcomes}, arrays


def _load(code: Any, file: str, text: str) -> dict[str, Any]:
    """Run the learner's file as a module; its names."""
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module
    # so that a traceback can show its lines, without a look at the disk
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(code, vars(module))
    return vars(module)


def _syntax(error: Exception) -> Raised:
    """Where the file is no Python."""
    if not isinstance(error, SyntaxError):
        return Raised(type(error).__name__, str(error))
    line = (error.text or "").rstrip()
    return Raised(
        type(error).__name__, f"line {error.lineno}: {error.msg}", (line,) if line else ()
    )


def _forbid(names: Sequence[str]) -> None:
    """Put a function that raises `ReadyMade` wherever the package holds one of these names."""
    sys.modules[ANSWERS] = None  # type: ignore[assignment]
    for name in names:
        if not name.startswith("aten."):
            _replace(name, _refusing(name))


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(*arguments: Any, **named: Any) -> Any:
        raise ReadyMade(name)

    return refuse


def _replace(full_name: str, substitute: Any) -> None:
    """In every loaded module of the same package: its names, classes, and dictionaries.

    Modules that are loaded later take the name from one of these.
    """
    original = pkgutil.resolve_name(full_name)
    package = full_name.partition(".")[0]
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] != package or module is None:
            continue
        for key, value in list(vars(module).items()):
            if value is original:
                setattr(module, key, substitute)
            elif isinstance(value, dict):
                value.update({name: substitute for name, one in value.items() if one is original})
            elif isinstance(value, type):
                for name, one in list(vars(value).items()):
                    if one is original:
                        setattr(value, name, substitute)


def _silence(output: Path) -> None:
    """What is printed goes into a file that nobody grades; there is nothing to read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    printed = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(nothing, 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)


def _limit(seconds: float, memory: int) -> None:
    """Limit the processor's time, memory and files from here on."""
    if resource is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    time = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (time, time + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statistics = Path("/proc/self/statm")
    if statistics.exists():  # the libraries' own address space does not count
        taken = int(statistics.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))


def _write(folder: Path, answer: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Arrays first, then the answer: where there is an answer it is whole."""
    write_arrays(folder / "answer.npz", arrays)
    (folder / "answer.part").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "answer.part").replace(folder / "answer.json")
