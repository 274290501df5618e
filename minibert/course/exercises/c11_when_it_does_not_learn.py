"""Chapter 11, when it does not learn: signs of a run that has gone wrong, and what they mean."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch

from minibert.course.drawing import number, pick, shuffled
from minibert.course.exercise import Exercise, Mistake, Probe

PAGE = "11_when_it_does_not_learn"

# --- expected_first_loss --------------------------------------------------------------------------


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
    mistakes=(
        Mistake(
            "first-loss-in-bits",
            "the logarithm of base 2: torch's cross-entropy has the natural one",
            math.log2,
        ),
        Mistake(
            "first-loss-base-10",
            "the logarithm of base 10: torch's cross-entropy has the natural one",
            math.log10,
        ),
        Mistake(
            "first-loss-sign",
            "the log-probability itself: the loss is minus that",
            lambda classes: -math.log(classes),
        ),
        Mistake(
            "first-loss-is-probability",
            "the probability of each class; the loss is minus its logarithm",
            lambda classes: 1 / classes,
        ),
        Mistake(
            "first-loss-is-error-rate",
            "the share of guesses that are wrong, which is no cross-entropy",
            lambda classes: 1 - 1 / classes,
        ),
        Mistake(
            "first-loss-of-two-classes",
            "the loss of two classes, however many there are",
            lambda classes: math.log(2),
        ),
        Mistake(
            "first-loss-entropy-term",
            "one class's part of the entropy; there are as many parts as classes",
            lambda classes: math.log(classes) / classes,
        ),
    ),
)

# --- leaked ---------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _leaked_if_equal(plain: Callable[[str], str]) -> Callable[[list[str], list[str]], list[int]]:
    """The places of dev texts that occur in train, after `plain`."""

    def leaked(train: list[str], dev: list[str]) -> list[int]:
        seen = set(map(plain, train))
        return [place for place, text in enumerate(dev) if plain(text) in seen]

    return leaked


_leaked = _leaked_if_equal(_plain)


def _once(places: Iterable[int], dev: list[str]) -> list[int]:
    """The first place of each text alone."""
    return sorted({_plain(dev[place]): place for place in reversed(list(places))}.values())


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
    reference=_leaked,
    probes=_texts,
    hints=(
        "Bring both sides into one form first: lower case, and single blanks.",
        'A set of " ".join(text.lower().split()) for the training texts; then look up each dev '
        "text, and keep its place.",
    ),
    page=f"{PAGE}: From suspicion to proof",
    mistakes=(
        Mistake(
            "leak-as-written",
            "texts compared as they are written: case and blanks hide leaks",
            _leaked_if_equal(lambda text: text),
        ),
        Mistake(
            "leak-case",
            "blanks put in order, but case kept",
            _leaked_if_equal(lambda text: " ".join(text.split())),
        ),
        Mistake(
            "leak-inner-blanks",
            "lower case, but blanks put in order at both ends alone",
            _leaked_if_equal(lambda text: text.lower().strip()),
        ),
        Mistake(
            "leak-no-blanks",
            "all blanks taken away: then now here is nowhere",
            _leaked_if_equal(lambda text: _plain(text).replace(" ", "")),
        ),
        Mistake(
            "leak-ascii-letters",
            "everything but the letters a to z taken away, accents and full stops too",
            _leaked_if_equal(
                lambda text: " ".join(
                    "".join(c for c in _plain(text) if "a" <= c <= "z" or c == " ").split()
                )
            ),
        ),
        Mistake(
            "leak-part-of",
            "dev texts that are part of a training text; they must be the same",
            lambda train, dev: [
                place
                for place, text in enumerate(dev)
                if any(_plain(text) in _plain(seen) for seen in train)
            ],
        ),
        Mistake(
            "leak-places-in-train",
            "the places in the training set; those in the dev set are meant",
            lambda train, dev: _leaked(dev, train),
        ),
        Mistake(
            "leak-once",
            "a leaked text counted once, though it stands in the dev set several times",
            lambda train, dev: _once(_leaked(train, dev), dev),
        ),
        Mistake(
            "leak-twins-in-dev",
            "texts counted as well that stand in the dev set twice: that is no leak",
            lambda train, dev: [
                place
                for place, text in enumerate(dev)
                if [*map(_plain, train), *map(_plain, dev[:place])].count(_plain(text))
            ],
        ),
        Mistake(
            "leak-how-many",
            "their number; the places are asked for",
            lambda train, dev: len(_leaked(train, dev)),
        ),
    ),
)

# --- share_truncated ------------------------------------------------------------------------------

SPECIAL = 2  # [CLS] and [SEP]


def _share_truncated(lengths: list[int], max_length: int) -> float:
    return _share_longer(lengths, max_length - SPECIAL)


def _share_longer(lengths: list[int], room: int) -> float:
    return sum(length > room for length in lengths) / max(len(lengths), 1)


def _pieces_lost(lengths: list[int], max_length: int) -> float:
    lost = sum(max(length + SPECIAL - max_length, 0) for length in lengths)
    return lost / max(sum(lengths), 1)


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
    reference=_share_truncated,
    probes=_too_long,
    hints=(
        "[CLS] and [SEP] need room as well. From which length on is something cut?",
        "Count length + 2 > max_length, and divide by the number of texts; 0 if there is none.",
    ),
    page=f"{PAGE}: From suspicion to proof",
    mistakes=(
        Mistake("truncated-no-special", "the room of [CLS] and [SEP] forgotten", _share_longer),
        Mistake(
            "truncated-one-special",
            "one special token; there are two, [CLS] and [SEP]",
            lambda lengths, max_length: _share_longer(lengths, max_length - 1),
        ),
        Mistake(
            "truncated-just-fits",
            "texts counted that just fit: >= in place of >",
            lambda lengths, max_length: _share_truncated(lengths, max_length - 1),
        ),
        Mistake(
            "truncated-special-added",
            "the room made larger by [CLS] and [SEP]: they make it smaller",
            lambda lengths, max_length: _share_longer(lengths, max_length + SPECIAL),
        ),
        Mistake(
            "truncated-pieces",
            "the share of word pieces that are lost; that of texts is meant",
            _pieces_lost,
        ),
        Mistake(
            "truncated-percent",
            "per cent; a share lies between 0 and 1",
            lambda lengths, max_length: 100 * _share_truncated(lengths, max_length),
        ),
        Mistake(
            "truncated-number",
            "their number, not divided by that of all texts",
            lambda lengths, max_length: _share_truncated(lengths, max_length) * len(lengths),
        ),
        Mistake(
            "truncated-others",
            "the share of those that fit",
            lambda lengths, max_length: 1 - _share_truncated(lengths, max_length),
        ),
        Mistake(
            "truncated-division-by-0",
            "a division by the number of texts even where that is 0",
            lambda lengths, max_length: (
                sum(length + SPECIAL > max_length for length in lengths) / len(lengths)
            ),
        ),
    ),
)

# --- diagnose -------------------------------------------------------------------------------------


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


def _asking(questions: dict[str, Question]) -> Callable[..., str]:
    """The name of the first question that is answered with yes."""

    def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
        run = _Run(last_loss, dev_loss, moved, shared, classes)
        return next((cause for cause, asked in questions.items() if asked(run)), "healthy")

    return diagnose


def _in_order(*causes: str) -> Callable[..., str]:
    return _asking({cause: QUESTIONS[cause] for cause in causes})


def _instead(cause: str, asked: Question) -> Callable[..., str]:
    return _asking({**QUESTIONS, cause: asked})


def _guessing_costs(cost: Callable[[int], float]) -> Callable[..., str]:
    return _asking(
        {
            **QUESTIONS,
            RATE: lambda run: run.last_loss > 1.2 * cost(run.classes),
            BATCH: lambda run: run.last_loss > 0.95 * cost(run.classes),
            HEART: lambda run: run.dev_loss > cost(run.classes),
        }
    )


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
    reference=_asking(QUESTIONS),
    probes=_runs,
    hints=(
        "Ask the five questions one after another; the first yes decides.",
        "Guessing costs math.log(classes): that is what the losses are held against.",
        "The order matters: a frozen body has a loss of guessing as well, and so has a loss far "
        "above guessing.",
    ),
    page=f"{PAGE}: From suspicion to proof",
    mistakes=(
        Mistake(
            "diagnose-bits",
            "log2(classes) for what guessing costs: it is the natural logarithm",
            _guessing_costs(math.log2),
        ),
        Mistake(
            "diagnose-two-classes",
            "0.69 for what guessing costs, however many classes there are",
            _guessing_costs(lambda classes: math.log(2)),
        ),
        Mistake("diagnose-leak-unseen", "leakage never told", _in_order(STILL, RATE, BATCH, HEART)),
        Mistake(
            "diagnose-leak-last",
            "leakage asked for last: with shared texts no other sign can be trusted",
            _in_order(STILL, RATE, BATCH, HEART, LEAKAGE),
        ),
        Mistake(
            "diagnose-still-unseen",
            "a body that stands still never told",
            _in_order(LEAKAGE, RATE, BATCH, HEART),
        ),
        Mistake(
            "diagnose-still-is-0",
            "a body that stands still only if it moved by just 0: a tiny rate moves it a little",
            _instead(STILL, lambda run: run.moved == 0),
        ),
        Mistake(
            "diagnose-still-too-late",
            "the loss asked before the body: frozen, it guesses too",
            _in_order(LEAKAGE, RATE, BATCH, STILL, HEART),
        ),
        Mistake(
            "diagnose-rate-unseen",
            "a rate too high never told, or asked for after the question whether it guesses",
            _in_order(LEAKAGE, STILL, BATCH, HEART),
        ),
        Mistake(
            "diagnose-rate-without-margin",
            "every loss above guessing taken for a rate too high: noise alone does that",
            _instead(RATE, lambda run: run.last_loss > run.guessing),
        ),
        Mistake(
            "diagnose-batch-without-margin",
            "a loss just below guessing taken for learning: noise alone does that",
            _instead(BATCH, lambda run: run.last_loss > run.guessing),
        ),
        Mistake(
            "diagnose-batch-by-dev-loss",
            "the dev loss asked whether it learns: ask the training loss",
            _instead(BATCH, lambda run: run.dev_loss > 0.95 * run.guessing),
        ),
        Mistake(
            "diagnose-heart-before-batch",
            "the dev loss asked first: where the training loss guesses too, nothing was learnt",
            _in_order(LEAKAGE, STILL, RATE, HEART, BATCH),
        ),
        Mistake(
            "diagnose-heart-unseen",
            "learning by heart never told",
            _in_order(LEAKAGE, STILL, RATE, BATCH),
        ),
        Mistake(
            "diagnose-every-gap",
            "every dev loss above the training loss taken for learning by heart",
            _instead(HEART, lambda run: run.dev_loss > run.last_loss),
        ),
    ),
)

EXERCISES = (EXPECTED_FIRST_LOSS, LEAKED, SHARE_TRUNCATED, DIAGNOSE)
