"""Hold what a function has computed to what it should have; the first difference, in words."""

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from minibert.course.calling import Outcome, Raised, ReadyMade
from minibert.course.exercise import Exercise, Probe
from minibert.course.values import kind_of, same, shown, tensors

Kind = Literal[
    "no such function",
    "not implemented",
    "raises",
    "wrong type",
    "wrong shape",
    "wrong dtype",
    "wrong values",
    "wrong gradient",
    "argument changed in place",
    "too slow",
    "out of memory",
    "crashed",
    "ready-made function used",
    "syntax error",
    "not UTF-8",
    "not readable",
]

# Roundings that a right answer may differ by in a float32 of size one: sums in another order.
ROUNDINGS = 128
# A Python number may have been a float32 on its way.
NUMBER_ROUNDINGS = 16 * torch.finfo(torch.float32).eps


class Failure(NamedTuple):
    """One thing that is wrong, in a line, with more lines where they help."""

    kind: Kind
    message: str
    probe: str = ""  # the name of the call that showed it; empty: it has nothing to do with a call
    details: tuple[str, ...] = ()


def compare(exercise: Exercise, probe: Probe, expected: Outcome, got: Outcome) -> Failure | None:
    """The first thing wrong with an outcome; None if it is right.

    `expected` is the reference's outcome. That an argument was changed in place is wrong where the
    reference has left all of them alone.
    """
    if got.raised is not None:
        return failure_of(got.raised, probe.name)
    failure = _differs(expected.result, got.result, exercise.tolerance, "")
    if failure is not None:
        arguments = _arguments(exercise, probe)
        details = (f"arguments {arguments}",) if arguments else ()
        return failure._replace(probe=probe.name, details=details)
    names = parameters(exercise, len(probe.arguments))
    for place, wanted, gradient in zip(
        probe.gradients, expected.gradients, got.gradients, strict=True
    ):
        failure = _wrong_gradient(names[place], wanted, gradient, exercise.tolerance)
        if failure is not None:
            return failure._replace(probe=probe.name)
    if same(expected.arguments, probe.arguments):
        for name, before, after in zip(names, probe.arguments, got.arguments, strict=True):
            if not same(before, after):
                message = f"{name} is not the same after the call: work on a copy of it"
                return Failure("argument changed in place", message, probe.name)
    return None


def agree(exercise: Exercise, probe: Probe, one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same but for rounding; exceptions are, if of one class."""
    if one.raised is not None or other.raised is not None:
        kinds = [outcome.raised and outcome.raised.kind for outcome in (one, other)]
        return kinds[0] == kinds[1]
    if _differs(one.result, other.result, exercise.tolerance, "") is not None:
        return False
    for wanted, gradient in zip(one.gradients, other.gradients, strict=True):
        if _wrong_gradient("", wanted, gradient, exercise.tolerance) is not None:
            return False
    changed = [
        [same(before, after) for before, after in zip(probe.arguments, found, strict=True)]
        for found in (one.arguments, other.arguments)
    ]
    return changed[0] == changed[1]


def parameters(exercise: Exercise, count: int) -> list[str]:
    """What the exercise's first `count` arguments are called."""
    code = getattr(exercise.reference, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    return (names + [f"argument {place + 1}" for place in range(len(names), count)])[:count]


def _arguments(exercise: Exercise, probe: Probe) -> str:
    """The arguments by name: shapes of tensors, values of what holds none, shortened."""
    names = parameters(exercise, len(probe.arguments))
    return ", ".join(
        f"{name} {tuple(value.shape)}" if isinstance(value, Tensor) else f"{name} {shown(value)}"
        for name, value in zip(names, probe.arguments, strict=True)
        if isinstance(value, Tensor) or not list(tensors(value))
    )


def failure_of(raised: Raised, probe: str = "") -> Failure:
    """What an exception means for the grade; `probe` names the call that raised it."""
    kind, message, lines = raised
    if kind == NotImplementedError.__name__:
        return Failure("not implemented", "still to be written", probe)
    if kind == ReadyMade.__name__:
        return Failure("ready-made function used", message, probe, lines)
    if kind == MemoryError.__name__ or "can't allocate memory" in message:
        return Failure("out of memory", "it asks for more memory than there is", probe, lines)
    return Failure("raises", f"{kind}: {message}" if message else kind, probe, lines)


def _differs(expected: Any, got: Any, tolerance: float, place: str) -> Failure | None:
    """The first difference between two trees; `place` is where they stand, such as "[1]"."""
    where = f"result{place}"
    if isinstance(expected, Tensor):
        if not isinstance(got, Tensor):
            return _wrong_type(where, "Tensor", got)
        return _tensors_differ(expected, got, tolerance, where)
    if isinstance(expected, list | tuple):
        if not isinstance(got, list | tuple) or kind_of(got) not in ("list", "tuple"):
            return _wrong_type(where, kind_of(expected), got)
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            failure = _differs(one, other, tolerance, f"{place}[{index}]")
            if failure is not None:
                return failure
        if len(expected) != len(got):
            message = f"{where} has {len(got)} elements, expected {len(expected)}"
            return Failure("wrong values", f"{message}: {shown(expected)}, got {shown(got)}")
        return None
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return _wrong_type(where, "dict", got)
        if set(expected) != set(got):
            message = f"{where} has the keys {shown(list(got))}, expected {shown(list(expected))}"
            return Failure("wrong values", message)
        for key in expected:
            failure = _differs(expected[key], got[key], tolerance, f"{place}[{key!r}]")
            if failure is not None:
                return failure
        return None
    if isinstance(expected, float):
        if isinstance(got, bool) or not isinstance(got, float | int):
            return _wrong_type(where, "float", got)
        allowed = tolerance + NUMBER_ROUNDINGS * abs(expected)
        if expected == got or abs(expected - got) <= allowed:
            return None
        right = math.isnan(expected) and math.isnan(got)
    else:
        if type(expected) is not type(got):
            return _wrong_type(where, kind_of(expected), got)
        right = expected == got
    if right:
        return None
    return Failure("wrong values", f"{where} is {shown(got)}, expected {shown(expected)}")


def _wrong_type(where: str, expected: str, got: Any) -> Failure:
    advice = ""
    if got is None:
        advice = ": is a return missing?"
    elif isinstance(got, Tensor) and expected in ("float", "int", "bool"):
        advice = ": .item() makes a number of a tensor"
    message = f"{where} is of type {kind_of(got)}, expected {expected}{advice}"
    return Failure("wrong type", message)


def _tensors_differ(expected: Tensor, got: Tensor, tolerance: float, where: str) -> Failure | None:
    if expected.shape != got.shape:
        message = f"{where} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
        return Failure("wrong shape", message)
    if expected.dtype != got.dtype:
        kinds = [str(one.dtype).removeprefix("torch.") for one in (got, expected)]
        return Failure("wrong dtype", f"{where} is {kinds[0]}, expected {kinds[1]}")
    if not expected.numel():
        return None
    if expected.is_floating_point():
        finite = expected[expected.isfinite()].abs()
        size = max(1.0, finite.max().item()) if finite.numel() else 1.0
        allowed = (tolerance + ROUNDINGS * torch.finfo(expected.dtype).eps) * size
        close = torch.isclose(expected, got, rtol=0, atol=allowed, equal_nan=True)
    else:
        close = expected == got
    if bool(close.all()):
        return None
    wrong = (~close).nonzero()
    index = tuple(wrong[0].tolist())
    at = f"{where}[{', '.join(map(str, index))}]" if index else where
    of = f"; {len(wrong)} of {expected.numel()} elements are wrong" if index else ""
    one, other = got[index].item(), expected[index].item()
    return Failure("wrong values", f"{at} is {shown(one)}, expected {shown(other)}{of}")


def _wrong_gradient(
    name: str, expected: Tensor | None, got: Tensor | None, tolerance: float
) -> Failure | None:
    if expected is None or got is None:
        one = expected if expected is not None else got
        if one is None or not one.any():
            return None  # no gradient, or one of zeros: that is the same
        if got is None:
            message = f"no gradient reaches {name}: is it detached, or computed outside torch?"
            return Failure("wrong gradient", message)
        return Failure("wrong gradient", f"a gradient reaches {name}, which has none")
    failure = _tensors_differ(expected, got, tolerance, f"gradient of {name}")
    return failure and failure._replace(kind="wrong gradient")
