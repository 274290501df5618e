"""Is it right, and if not, which known mistake is it?"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch

from minibert.course.calling import Outcome, call
from minibert.course.comparison import Failure, agree, compare
from minibert.course.exercise import Exercise, Mistake
from minibert.errors import MinibertError


class Diagnosis(NamedTuple):
    """Known mistakes that give what a function gives; several are a tie."""

    causes: tuple[Mistake, ...] = ()
    explained: tuple[str, ...] = ()  # the failing calls that they explain
    unexplained: str = ""  # the first failing call that they do not explain
    whole: bool = False  # the same on every call, right ones as well


class Judge:
    """Judges answers to one exercise on the probes of one seed.

    What the reference and the museum's mistakes give is computed once, however many are judged.
    """

    def __init__(self, exercise: Exercise, seed: int):
        self.exercise = exercise
        self.seed = seed
        self.probes = exercise.probes(torch.Generator().manual_seed(seed))
        self.expected = self.outcomes(exercise.reference)
        for probe, outcome in zip(self.probes, self.expected, strict=True):
            if outcome.raised is not None:
                raise MinibertError(
                    f"exercise {exercise.name}: the reference itself raises {outcome.raised} "
                    f"on the probe {probe.name!r}"
                )

    def outcomes(self, function: Callable[..., Any], refused: Sequence[str] = ()) -> list[Outcome]:
        """What comes of calling a function, here and now, on every probe."""
        return [call(function, probe, self.seed, refused) for probe in self.probes]

    @cached_property
    def mistaken(self) -> list[tuple[Mistake, list[Outcome]]]:
        """The museum's mistakes with what they give."""
        return [(one, self.outcomes(one.function)) for one in self.exercise.mistakes]

    def failures(self, outcomes: Sequence[Outcome]) -> list[Failure]:
        """What is wrong with each outcome that is not right, in the order of the probes."""
        found = [
            compare(self.exercise, probe, expected, got)
            for probe, expected, got in zip(self.probes, self.expected, outcomes, strict=True)
        ]
        return [failure for failure in found if failure is not None]

    def diagnose(self, outcomes: Sequence[Outcome]) -> Diagnosis:
        """The mistakes that give the same: on every probe, else on most of those that fail.

        Else the one mistake that gives the same on the first probe that fails. Several where no
        probe tells them apart. Exceptions are too much alike to count on some probes only.
        """
        rows = zip(self.probes, self.expected, outcomes, strict=True)
        wrong = [
            place for place, row in enumerate(rows) if compare(self.exercise, *row) is not None
        ]
        names = [self.probes[place].name for place in wrong]
        same = [one for one, theirs in self.mistaken if self.alike(theirs, outcomes)]
        if same:
            return Diagnosis(tuple(same), tuple(names), whole=True)
        returned = [place for place in wrong if outcomes[place].raised is None]
        explained: dict[tuple[int, ...], list[Mistake]] = {}
        for mistake, theirs in self.mistaken:
            alike = tuple(
                place
                for place in returned
                if agree(self.exercise, self.probes[place], theirs[place], outcomes[place])
            )
            explained.setdefault(alike, []).append(mistake)
        places = max(explained, key=len, default=())
        causes = explained.get(places, [])
        if 2 * len(places) <= len(wrong):
            first = [alike for alike in explained if wrong[0] in alike]
            if len(first) != 1 or len(explained[first[0]]) > 1:
                return Diagnosis()
            places, causes = (wrong[0],), explained[first[0]]
        others = [self.probes[place].name for place in wrong if place not in places]
        found = tuple(self.probes[place].name for place in places)
        return Diagnosis(tuple(causes), found, others[0] if others else "")

    def alike(self, some: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Whether two functions cannot be told apart by what they give."""
        trios = zip(self.probes, some, others, strict=True)
        return all(agree(self.exercise, probe, one, other) for probe, one, other in trios)


def judge(exercise: Exercise, function: Callable[..., Any], seed: int = 0) -> list[Failure]:
    """What is wrong with a trusted function, called in this process; nothing if it is right."""
    judge = Judge(exercise, seed)
    return judge.failures(judge.outcomes(function))
