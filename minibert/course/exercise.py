"""What an exercise is: the function asked for, what it is tried on, and the mistakes people make.

One module of `minibert.course.exercises` for each chapter declares its EXERCISES, and one of
`minibert.course.museum` its MISTAKES: wrong functions that look right. A failing answer is compared
with them, so that the learner is told what went wrong and not only that something did; and the
checks of the course are held to tell every one of them from the right answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch


class Probe(NamedTuple):
    """One call of the learner's function: its arguments, and what to compare besides the result.

    Arguments and results are tensors, numbers, strings, booleans, None, and lists, tuples and
    dictionaries of them. `gradients` are places of tensor arguments: the gradient that reaches each
    of them is compared as well (of the result's sum, weighted with random numbers).
    """

    name: str  # what is special about it, for the report: "a row with no key left"
    arguments: tuple[Any, ...]
    gradients: tuple[int, ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer to one exercise.

    name: unique within the course, such as "mask-after-softmax"
    says: the cause, in a few words; it ends the sentence "Your function gives what one gets with
        ...", or "This is what happens with ..." where it raises
    function: of the exercise's own signature
    page: where to read about it; the exercise's page if empty
    """

    name: str
    says: str
    function: Callable[..., Any]
    page: str = ""


@dataclass(frozen=True)
class Exercise:
    """A function that the learner writes, and everything that is needed to judge it.

    name: of the function in the learner's file
    reference: what a right answer computes; the library's own function where it has one
    probes: the calls it is judged by, drawn anew from the generator for every hidden seed
    forbidden: what would be the answer ready-made: full names of functions, such as
        "minibert.model.functional.gelu", and torch operators, such as "aten.gelu"
    page: where to read: the chapter's file without its ending and the heading, whole, as in
        "03_attention_with_a_pencil: The average"
    tolerance: the largest difference allowed in float64; float32 gets its own rounding besides
    """

    name: str
    title: str
    points: int
    difficulty: int  # 1 (a line) to 5 (an evening)
    minutes: int
    reference: Callable[..., Any]
    probes: Callable[[torch.Generator], list[Probe]]
    hints: tuple[str, ...]
    page: str
    mistakes: tuple[Mistake, ...] = ()
    forbidden: tuple[str, ...] = ()
    tolerance: float = 1e-9
