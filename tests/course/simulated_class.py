"""What learners hand in: right and wrong files, and files that would stop a careless grader."""

from itertools import cycle, islice
from typing import NamedTuple

RIGHT = None  # instead of the kind of a failure


class HandedIn(NamedTuple):
    name: str
    content: bytes
    expected: dict  # {exercise: kind of failure, or RIGHT}
    mistakes: dict  # {exercise: name of the mistake that was made}


# What is put in the place of one right function, and how that is judged.
BODIES = {
    "endless": ("while True:\n        pass", "too slow"),
    "asleep": ("import time\n    time.sleep(1000)", "too slow"),
    "deaf": (
        "import signal\n    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True:\n        pass",
        "too slow",
    ),
    "segfault": ("import ctypes\n    ctypes.string_at(0)", "crashed"),
    "abort": ("import os\n    os.abort()", "crashed"),
    "leaves": ("import os\n    os._exit(0)", "crashed"),
    "exits": ("import sys\n    sys.exit(0)", "raises"),
    "greedy": ("held = bytearray(10**10)", "out of memory"),
    "greedy-tensor": ("import torch\n    torch.ones(10**11)", "out of memory"),
    "recursive": ("deeper = lambda: deeper()\n    return deeper()", "raises"),
    "colourful": (r"raise ValueError('\x1b[31m<b>\ud800 &amp;' + 'x' * 10**7)", "raises"),
    "speechless": ("class E(Exception):\n        __str__ = None\n    raise E", "raises"),
    "forgetful": ("pass", "wrong type"),
    "odd-type": ("return {1, 2}", "wrong type"),
    "ring": ("ring = []\n    ring.append(ring)\n    return ring", "raises"),
    "asks": ("return input()", "raises"),
    "stub": ("raise NotImplementedError", "not implemented"),
}

# What stands at the end of a file, and what that makes of all of its functions.
ENDINGS = {
    "import-endless": ("while True:\n    pass", "too slow"),
    "import-exit": ("import sys\nsys.exit(0)", "raises"),
    "import-leaves": ("print('{\"score\": 100}', flush=True)\nimport os\nos._exit(0)", "crashed"),
    "import-raises": ("1 / 0", "raises"),
    "no-python": ("def (:", "syntax error"),
    "zero": ("\0", "syntax error"),
    "nested": ("(" * 5000, "syntax error"),
    "answers": ("from minibert.course.exercises import exercises_of", "raises"),
    "forges": (
        'import os\nopen("../answer.json", "w").write(\'{"stage": "done", "outcomes": []}\')\n'
        "os._exit(0)",
        "crashed",
    ),
    "forges-a-size": (  # an array of 4 TB, of which nothing is there
        "import os, zipfile\nopen('../answer.json', 'w').write("
        '\'{"stage": "done", "outcomes": [[["tensor", "a", "float32"], [], [], null]]}\')\n'
        "head = b\"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}\\n\"\n"
        "with zipfile.ZipFile('../answer.npz', 'w') as archive:\n"
        "    archive.writestr('a.npy', b'\\x93NUMPY\\1\\0' + bytes([len(head), 0]) + head)\n"
        "os._exit(0)",
        "crashed",
    ),
    "forges-a-pipe": ("import os\nos.mkfifo('../answer.json')\nos._exit(0)", "crashed"),
    "forges-a-link": (
        "import os\nos.symlink('/dev/zero', '../answer.json')\nos._exit(0)",
        "crashed",
    ),
    "all-100": ('print("all exercises passed: 100 of 100 points", flush=True)', RIGHT),
    "chatty": ("print('x' * 10**6)", RIGHT),
    "thread": (
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(1000)).start()",
        RIGHT,
    ),
    "at-exit": ("import atexit, time\natexit.register(lambda: time.sleep(1000))", RIGHT),
    "closes": ("import os\nos.closerange(0, 3)", RIGHT),
    "moves": ("import os\nos.chdir('/')", RIGHT),
    "child": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])",
        RIGHT,
    ),
    "main-block": ("if __name__ == '__main__':\n    raise SystemExit", RIGHT),
    "patches": (
        "import minibert.course.comparison as comparison\n"
        "comparison.compare = comparison.agree = lambda *arguments: None",
        RIGHT,
    ),
}

# How a right file is saved, what it is called, and what that makes of it.
FORMS = {
    "plain.py": (lambda text: text.encode(), RIGHT),
    "windows.py": (lambda text: text.replace("\n", "\r\n").encode(), RIGHT),
    "notepad.py": (lambda text: b"\xef\xbb\xbf" + text.encode(), RIGHT),
    "Aufgabe 3 (endgültig) - Kopie.py": (lambda text: text.encode(), RIGHT),
    "my_03.py.txt": (lambda text: text.encode(), RIGHT),
    "=cmd.py": (lambda text: text.encode(), RIGHT),
    "<script>alert(1)</script>".replace("/", "_") + ".py": (lambda text: text.encode(), RIGHT),
    "latin.py": (lambda text: ("# \xe4\n" + text).encode("latin-1"), "not UTF-8"),
    "utf16.py": (lambda text: text.encode("utf-16"), "not UTF-8"),
    "picture.png": (lambda text: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
    "empty.py": (lambda text: b"", "no such function"),
    "large.py": (lambda text: text.encode() + b"#" * 2**21, "not readable"),
}


def replaced(solution, text):
    """A right file with other functions at its end, which its own functions do not call."""
    return f"""
_right = {{}}
exec({solution!r}, _right)
globals().update({{name: value for name, value in _right.items() if name[0] != "_"}})
{text}
"""


def mistaken(museum, exercise, mistake):
    """The text that puts the museum's wrong function in the place of the right one."""
    return f"""
import importlib.util
_spec = importlib.util.spec_from_file_location("museum", {str(museum)!r})
_museum = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_museum)
_mistakes = {{mistake.name: mistake for one in _museum.EXERCISES for mistake in one.mistakes}}
{exercise.name} = _mistakes[{mistake.name!r}].function
"""


def handed_in(exercises, solution, museum, count, mistakes_every=2, others=()):
    """`count` files: right ones, mistakes from the module `museum`, and all that is odd.

    others: more (name, text, {exercise: kind}) that only this chapter has
    """
    names = [one.name for one in exercises]

    def file(name, text, expected, mistakes=None):
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        whole = dict.fromkeys(names, expected) if not isinstance(expected, dict) else expected
        return HandedIn(name, content, whole, mistakes or {})

    one_wrong = cycle(names)
    odd = [file(name, form(solution), expected) for name, (form, expected) in FORMS.items()]
    odd += [
        file(f"{name}.py", f"{solution}\n{ending}\n", expected)
        for name, (ending, expected) in ENDINGS.items()
    ]
    for name, (body, kind) in BODIES.items():
        wrong = next(one_wrong)
        text = replaced(solution, f"def {wrong}(*arguments):\n    {body}\n")
        odd.append(file(f"{name}.py", text, dict.fromkeys(names) | {wrong: kind}))
    for exercise in exercises:
        for forbidden in exercise.forbidden:
            if forbidden.startswith("minibert."):
                home, _, function = forbidden.rpartition(".")
                text = replaced(solution, f"from {home} import {function} as {exercise.name}")
                kinds = dict.fromkeys(names) | {exercise.name: "ready-made function used"}
                odd.append(file(f"imports_{exercise.name}.py", text, kinds))
    odd += [
        file(name, replaced(solution, text), dict.fromkeys(names) | kinds)
        for name, text, kinds in others
    ]
    wrong = [
        file(
            f"{mistake.name}.py",
            replaced(solution, mistaken(museum, exercise, mistake)),
            dict.fromkeys(names) | {exercise.name: "wrong"},
            {exercise.name: mistake.name},
        )
        for exercise in exercises
        for mistake in exercise.mistakes
    ]
    files = []
    odd, wrong = cycle(odd), cycle(wrong)
    for number, one in enumerate(islice(cycle([*[wrong] * (mistakes_every - 1), odd]), count)):
        found = next(one)
        files.append(found._replace(name=f"{number:03}_{found.name}"))
    return files


def wrong_grades(files, grades):
    """Where a grade is not what it must be, in words."""
    for file, grade in zip(files, grades, strict=True):
        for mark in grade.marks:
            name = mark.exercise.name
            expected = file.expected[name]
            kind = mark.failure and mark.failure.kind
            told = [one.name for one in mark.diagnosis.causes]
            # a mistake of the museum may call the library's function, which is refused here
            if expected == "wrong":
                ready_made = kind == "ready-made function used"
                right = ready_made or (kind is not None and file.mistakes[name] in told)
            else:
                right = kind == expected
            if not right:
                yield f"{file.name}: {name} should be {expected or 'right'}: {mark.failure}, {told}"
