"""Signals ask for a stop between two steps: sent for real, to a process of its own."""

import signal
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from minibert.training import signals
from minibert.training.signals import SAVED, StopRequest

# A run in small: steps of 10 ms, a save that takes two of them, and what a signal makes of it.
LOOP = """
import signal, sys, time
from minibert.training.signals import SAVED, StopRequest

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
before = [signal.getsignal(number) for number in (15, 2, 10)]
with StopRequest() as stop:
    for step in range(1000):
        print("step", flush=True)
        time.sleep(0.01)
        if stop.requested and not "patient" in sys.argv:
            break
print("saved after", stop.requested, flush=True)
assert [signal.getsignal(number) for number in (15, 2, 10)] == before
sys.exit(SAVED if stop.requested else 0)
"""


def start(*arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "step\n"
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_a_signal_stops_after_the_step(name):
    process = start()
    process.send_signal(getattr(signal, name))
    output, errors = process.communicate(timeout=30)

    assert process.returncode == SAVED == 85
    assert output.splitlines()[-1] == f"saved after {name}"
    assert ("Ctrl-C again stops at once" in errors) == (name == "SIGINT")
    assert "Traceback" not in errors


def test_a_second_ctrl_c_stops_at_once():
    process = start("patient")
    process.send_signal(signal.SIGINT)
    while "Ctrl-C again" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)

    assert "saved" not in output
    assert "KeyboardInterrupt" in errors
    assert process.returncode not in (0, SAVED)


def test_the_others_may_come_as_often_as_they_like():
    """A scheduler warns, then asks again; one Ctrl-C after it is still only a request."""
    with StopRequest() as stop:
        for name in ("SIGUSR1", "SIGTERM", "SIGUSR1", "SIGTERM", "SIGINT"):
            signal.raise_signal(getattr(signal, name))

        assert stop.requested == "SIGUSR1"


def test_nothing_is_asked_before_a_signal_comes():
    with StopRequest() as stop:
        assert stop.requested is None


def test_the_handlers_before_are_there_again_even_after_an_error():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with pytest.raises(ZeroDivisionError), StopRequest() as stop:
            signal.raise_signal(signal.SIGTERM) or 1 / 0
        assert (stop.requested, seen) == ("SIGTERM", [])
        signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_elsewhere_than_in_the_main_thread_nothing_changes():
    before = [signal.getsignal(getattr(signal, name)) for name in signals.SIGNALS]
    seen = []

    def enter():
        with StopRequest() as stop:
            seen.append([signal.getsignal(getattr(signal, name)) for name in signals.SIGNALS])
            seen.append(stop.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()

    assert seen == [before, None]


def test_a_signal_that_the_system_lacks_is_left_out(monkeypatch):
    monkeypatch.setattr(signals, "SIGNALS", ("SIGTERM", "SIGINT", "SIGNONE"))
    before = signal.getsignal(signal.SIGUSR1)

    with StopRequest() as stop:
        assert signal.getsignal(signal.SIGUSR1) is before
        signal.raise_signal(signal.SIGTERM)

    assert stop.requested == "SIGTERM"
