"""Chapter 11, when it does not learn: signs of a run that has gone wrong, and what they mean."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch

from minibert.course.drawing import number, pick, shuffled
from minibert.course.exercise import Exercise, Probe

PAGE = "11_when_it_does_not_learn"


def _expected_first_loss(classes: int) -> float:
    return math.log(classes)


def _classes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe(f"{classes} classes", (classes,))
        for classes in (1, 2, 4 + number(generator, 0, 9), 100 + number(generator, 0, 900), 30522)
    ]


EXPECTED_FIRST_LOSS = Exercise(
    name="expected_first_loss",
    title="What a head that knows nothing costs",
    points=1,
    difficulty=1,
    minutes=5,
    reference=_expected_first_loss,
    probes=_classes,
    hints=(
        "A head that knows nothing gives every class the same probability: 1 / classes.",
        "The loss is minus the natural logarithm of the right one's probability: math.log, not "
        "math.log2.",
    ),
    page=f"{PAGE}: Your diagnosis",
)


def plain_text(text: str) -> str:
    """A text without case and without more than single blanks."""
    return " ".join(text.lower().split())


def leaked_if_equal(plain: Callable[[str], str]) -> Callable[[list[str], list[str]], list[int]]:
    """The places of dev texts that occur in train, after `plain`."""

    def leaked(train: list[str], dev: list[str]) -> list[int]:
        seen = set(map(plain, train))
        return [place for place, text in enumerate(dev) if plain(text) in seen]

    return leaked


leaked = leaked_if_equal(plain_text)


def _texts(generator: torch.Generator) -> list[Probe]:
    animal, other = shuffled(generator, ("heron", "otter", "badger"))[:2]
    train = [
        f"A {animal} stood in the reeds.",
        f"Nobody saw the {other}  again",
        f"ÉTÉ at the {animal}'s pond",
        "now here",
        "Strasse",
        f"A {animal} stood in the reeds.",
    ]
    dev = [
        f"The {other} came at dawn.",
        f"A {animal} stood in the reeds.",
        f"a {animal.upper()} stood in the Reeds.",
        f" Nobody saw\tthe {other} again\n",
        f"été at the {animal}'s pond",
        f"A {animal} stood in the reeds",
        f"A {animal} stood",
        f"A {animal} stood in the reeds. Then it flew.",
        "nowhere",
        "Straße",
        f"The {other} came at dawn.",
        f"A {animal} stood in the reeds.",
    ]
    return [
        Probe("some have leaked", (train, dev)),
        Probe("train and dev the other way round", (dev, train)),
        Probe("none has leaked", (train, [f"The {other} came at dawn.", f"The {animal}, too."])),
        Probe("no dev text", (train, [])),
        Probe("no training text", ([], pick(generator, dev, 3))),
    ]


LEAKED = Exercise(
    name="leaked",
    title="Has it seen the test?",
    points=2,
    difficulty=1,
    minutes=10,
    reference=leaked,
    probes=_texts,
    hints=(
        "Bring both sides into one form first: lower case, and single blanks.",
        'A set of " ".join(text.lower().split()) for the training texts; then look up each dev '
        "text, and keep its place.",
    ),
    page=f"{PAGE}: From suspicion to proof",
)


SPECIAL = 2  # [CLS] and [SEP]


def share_truncated(lengths: list[int], max_length: int) -> float:
    """The share of texts that do not fit with both special tokens."""
    return share_longer(lengths, max_length - SPECIAL)


def share_longer(lengths: list[int], room: int) -> float:
    """The share of lengths above `room`; 0 of none."""
    return sum(length > room for length in lengths) / max(len(lengths), 1)


def _too_long(generator: torch.Generator) -> list[Probe]:
    limit = 16 + number(generator, 0, 9)
    near = [limit - 3, limit - 2, limit - 1, limit - 1, limit, limit + 1, limit + 1, limit + 1]
    return [
        Probe("around the limit", (shuffled(generator, [*near, limit + 1, 3, 5]), limit)),
        Probe("one that just fits", ([limit - 2], limit)),
        Probe("all too long", ([2 * limit, 3 * limit], limit)),
        Probe("all short", ([1, 2, 3], limit)),
        Probe("no text", ([], limit)),
    ]


SHARE_TRUNCATED = Exercise(
    name="share_truncated",
    title="How many texts lose their ends",
    points=1,
    difficulty=1,
    minutes=5,
    reference=share_truncated,
    probes=_too_long,
    hints=(
        "[CLS] and [SEP] need room as well. From which length on is something cut?",
        "Count length + 2 > max_length, and divide by the number of texts; 0 if there is none.",
    ),
    page=f"{PAGE}: From suspicion to proof",
)


class _Run(NamedTuple):
    """The signs of a run, and the questions that a diagnosis asks."""

    last_loss: float
    dev_loss: float
    moved: float
    shared: int
    classes: int

    @property
    def guessing(self) -> float:
        return math.log(self.classes)

    def leaks(self) -> bool:
        return self.shared > 0

    def stands_still(self) -> bool:
        return self.moved < 1e-4

    def is_destroyed(self) -> bool:
        return self.last_loss > 1.2 * self.guessing

    def guesses(self) -> bool:
        return self.last_loss > 0.95 * self.guessing

    def knows_by_heart(self) -> bool:
        return self.dev_loss > self.guessing


LEAKAGE, STILL, RATE, BATCH, HEART = (
    "leakage",
    "body stands still",
    "rate too high",
    "look at a batch",
    "learnt by heart",
)
Question = Callable[[_Run], bool]
QUESTIONS: dict[str, Question] = {
    LEAKAGE: _Run.leaks,
    STILL: _Run.stands_still,
    RATE: _Run.is_destroyed,
    BATCH: _Run.guesses,
    HEART: _Run.knows_by_heart,
}


def asking(questions: dict[str, Question]) -> Callable[..., str]:
    """The name of the first question that is answered with yes."""

    def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
        run = _Run(last_loss, dev_loss, moved, shared, classes)
        return next((cause for cause, asked in questions.items() if asked(run)), "healthy")

    return diagnose


def _runs(generator: torch.Generator) -> list[Probe]:
    classes = 3 + number(generator, 0, 4)
    unit = math.log(classes) * (1 + 0.001 * number(generator, 0, 9))
    runs = {
        "a healthy run": (0.3, 0.5, 0.01, 0),
        "texts in both sets": (0.2, 0.15, 0.01, 3),
        "texts in both sets, and the rest by heart": (0.05, 1.3, 0.02, 2),
        "a frozen body": (0.99, 0.995, 0.0, 0),
        "a frozen body, and texts in both sets": (0.99, 0.97, 0.0, 2),
        "a rate that is next to nothing": (0.99, 0.98, 3e-6, 0),
        "a frozen body, whose head learns": (0.6, 0.7, 0.0, 0),
        "a loss far above guessing": (1.8, 1.7, 0.3, 0),
        "a loss a little above guessing": (1.05, 1.02, 0.02, 0),
        "a loss a little below guessing": (0.97, 0.98, 0.02, 0),
        "a training loss a little below guessing, a dev loss above": (0.97, 1.1, 0.02, 0),
        "a training loss that comes down alone": (0.05, 1.3, 0.03, 0),
    }
    return [
        *(
            Probe(name, (unit * last, unit * dev, moved, shared, classes))
            for name, (last, dev, moved, shared) in runs.items()
        ),
        Probe("two classes", (0.69, 0.70, 0.02, 0, 2)),
        Probe("a hundred classes", (2.0, 2.4, 0.02, 0, 100)),
    ]


DIAGNOSE = Exercise(
    name="diagnose",
    title="What is the matter with this run?",
    points=3,
    difficulty=2,
    minutes=15,
    reference=asking(QUESTIONS),
    probes=_runs,
    hints=(
        "Ask the five questions one after another; the first yes decides.",
        "Guessing costs math.log(classes): that is what the losses are held against.",
        "The order matters: a frozen body has a loss of guessing as well, and so has a loss far "
        "above guessing.",
    ),
    page=f"{PAGE}: From suspicion to proof",
)

EXERCISES = (EXPECTED_FIRST_LOSS, LEAKED, SHARE_TRUNCATED, DIAGNOSE)
