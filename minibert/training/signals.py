"""Stop when asked from outside, between two steps: time to save, and then to leave."""

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

SAVED = 85  # exit code: stopped as asked, everything saved, resume me
SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1")  # a scheduler's, Ctrl-C, a scheduler's early warning


class Stopped(Exception):
    """Training was asked to stop, and is saved."""


class StopRequest:
    """While entered, a signal only asks to stop; whoever trains looks at `requested` at each step.

    A second Ctrl-C stops at once, with KeyboardInterrupt. Signals that this system lacks are left
    out, and in any thread but the main one, where Python cannot take signals, nothing is changed.
    """

    def __init__(self) -> None:
        self.requested: str | None = None  # the first signal that came
        self._interrupts = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in SIGNALS:
                if number := getattr(signal, name, None):
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not Python's

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.requested = self.requested or signal.Signals(number).name
        if number != signal.SIGINT:
            return
        self._interrupts += 1
        if self._interrupts > 1:
            raise KeyboardInterrupt
        # not print(): a signal may come in the middle of one
        os.write(2, b"\nstopping after this step; Ctrl-C again stops at once, without saving\n")
