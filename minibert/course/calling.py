"""Call one function on one probe, and keep all that can be compared afterwards.

The same code calls the reference and the museum's mistakes in the grader, and the learner's
function in a process of its own.
"""

import re
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import PurePath
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from minibert.course.exercise import Probe
from minibert.course.values import snapshot, tensors

LONGEST_MESSAGE = 500  # characters of an exception's text


class ReadyMade(Exception):
    """The function called what the exercise asks for, ready-made."""

    def __init__(self, name: str):
        super().__init__(f"write this one yourself: {name} is the exercise")


class Raised(NamedTuple):
    """An exception, as a report shows it."""

    kind: str  # the name of its class
    message: str
    lines: tuple[str, ...] = ()  # of the learner's own file: "line 12, in gelu: return x.foo"


class Outcome(NamedTuple):
    """What came of one call, as snapshots."""

    result: Any
    gradients: tuple[Tensor | None, ...]  # one for each place of `Probe.gradients`
    arguments: tuple[Any, ...]  # as they are after the call
    raised: Raised | None = None


def call(
    function: Callable[..., Any],
    probe: Probe,
    seed: int,
    refused: Iterable[str] = (),
    file: str = "",
) -> Outcome:
    """Call `function` on copies of the probe's arguments, then ask for the gradients.

    seed: draws the weights of the result's sum, and seeds torch for the call
    refused: torch operators such as "aten.gelu" that raise `ReadyMade`
    file: whose lines are kept of a traceback
    """
    arguments = [*snapshot(probe.arguments)]
    leaves = [arguments[place].requires_grad_() for place in probe.gradients]
    for place, leaf in zip(probe.gradients, leaves, strict=True):
        # Not the leaf itself: torch would refuse to change it in place, which is for us to judge.
        arguments[place] = leaf.clone()
    torch.manual_seed(seed)
    result, gradients, raised = None, tuple[Tensor | None, ...](), None
    try:
        with ExitStack() as modes, torch.enable_grad():
            if operators := frozenset(map(_plain_name, refused)):
                modes.enter_context(_RefuseFunctions(operators))
                modes.enter_context(_RefuseOperators(operators))
            result = function(*arguments)
        if leaves:
            gradients = _gradients(result, leaves, seed)
        result = snapshot(result)
    except (Exception, SystemExit) as error:
        result, raised = None, describe(error, file)
    return Outcome(result, gradients, snapshot(tuple(arguments)), raised)


def describe(error: BaseException, file: str) -> Raised:
    """An exception with the lines of `file` that led to it, the last one last."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file
    ]
    lines = tuple(f"line {frame.lineno}, in {frame.name}: {frame.line}" for frame in frames[-5:])
    try:
        message = str(error)
    except Exception as worse:  # a learner's own exception may fail to say what it is
        message = f"(its message could not be read: {type(worse).__name__})"
    if isinstance(error, ModuleNotFoundError) and _looks_own(error.name or "", file):
        message += "; a file is graded by itself: copy the functions into it"
    return Raised(type(error).__name__, message[:LONGEST_MESSAGE], lines)


def _looks_own(module: str, file: str) -> bool:
    """Whether a module is called my_..., or as the learner's file is but for the digits."""
    mine, name = (re.sub(r"\d+", "", one) for one in (PurePath(file).stem, module))
    return name.startswith("my_") or name == mine


def _gradients(result: Any, leaves: list[Tensor], seed: int) -> tuple[Tensor | None, ...]:
    """Gradients of the result's sum, each element weighted by a random number; None: none came."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros((), dtype=torch.float64)
    for tensor in tensors(result):
        if tensor.is_floating_point():
            weights = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            total = total + (tensor * weights.to(tensor.dtype)).sum()
    if not total.requires_grad:
        return (None,) * len(leaves)
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return tuple(snapshot(gradient) for gradient in found)


def _plain_name(operator: str) -> str:
    """What `softmax`, `_softmax` and `aten.softmax` have in common; also `native_layer_norm`."""
    return operator.removeprefix("aten.").strip("_").removeprefix("native_")


def _refuse(name: str, operators: frozenset[str]) -> None:
    # What the backward pass computes by itself is not the learner's call.
    if _plain_name(name) in operators and torch._C._current_graph_task_id() == -1:
        raise ReadyMade(f"torch's {_plain_name(name)}")


class _RefuseFunctions(TorchFunctionMode):
    """Sees functions by torch's names, before they are taken apart into operators."""

    def __init__(self, operators: frozenset[str]):
        super().__init__()
        self.operators = operators

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        _refuse(getattr(func, "__name__", ""), self.operators)
        return func(*args, **(kwargs or {}))


class _RefuseOperators(TorchDispatchMode):
    """Sees the operators themselves, whatever they were called by."""

    def __init__(self, operators: frozenset[str]):
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators = operators

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, four seconds of it, only to keep it away from this mode.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        _refuse(str(func.overloadpacket), self.operators)
        return func(*args, **(kwargs or {}))
