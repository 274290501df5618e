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
    whole: bool = False  # on every call; otherwise on `calls` of those that fail
    calls: int = 0


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

        Several where no probe tells them apart. Exceptions are too much alike to count on some
        probes only.
        """
        same = [one for one, theirs in self.mistaken if self.alike(theirs, outcomes)]
        if same:
            return Diagnosis(tuple(same), whole=True)
        rows = zip(self.probes, self.expected, outcomes, strict=True)
        wrong = [
            place
            for place, (probe, expected, got) in enumerate(rows)
            if got.raised is None and compare(self.exercise, probe, expected, got)
        ]
        counts = [
            sum(
                agree(self.exercise, self.probes[place], theirs[place], outcomes[place])
                for place in wrong
            )
            for _, theirs in self.mistaken
        ]
        most = max(counts, default=0)
        if 2 * most <= len(wrong):
            return Diagnosis()
        nearest = [
            one for (one, _), count in zip(self.mistaken, counts, strict=True) if count == most
        ]
        return Diagnosis(tuple(nearest), calls=most)

    def alike(self, some: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Whether two functions cannot be told apart by what they give."""
        trios = zip(self.probes, some, others, strict=True)
        return all(agree(self.exercise, probe, one, other) for probe, one, other in trios)


def judge(exercise: Exercise, function: Callable[..., Any], seed: int = 0) -> list[Failure]:
    """What is wrong with a trusted function, called in this process; nothing if it is right."""
    judge = Judge(exercise, seed)
    return judge.failures(judge.outcomes(function))
