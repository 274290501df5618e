"""Chapter 11, when it does not learn: signs of a run that has gone wrong, and what they mean."""

import math
from collections.abc import Callable, Iterable

import torch

from minibert.course.drawing import number, pick, shuffled
from minibert.course.exercise import Exercise, Mistake, Probe

PAGE = "11_when_it_does_not_learn"

# --- expected_first_loss --------------------------------------------------------------------------


def _classes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe(f"{classes} classes", (classes,))
        for classes in (2, 3, 4 + number(generator, 0, 9), 30522, 1)
    ]


EXPECTED_FIRST_LOSS = Exercise(
    name="expected_first_loss",
    title="What a head that knows nothing costs",
    points=1,
    difficulty=1,
    minutes=5,
    reference=math.log,
    probes=_classes,
    hints=(
        "A head that knows nothing gives every class the same probability: 1 / classes.",
        "The loss is minus the natural logarithm of the right one's probability: math.log, not "
        "math.log2.",
    ),
    page=f"{PAGE}: the first loss",
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
    page=f"{PAGE}: leakage",
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
    page=f"{PAGE}: truncation",
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


class _Run:
    """The five signs of a run, and the questions that a diagnosis asks."""

    def __init__(
        self, first_loss: float, last_loss: float, dev_loss: float, accuracy: float, classes: int
    ):
        self.first, self.last, self.dev = first_loss, last_loss, dev_loss
        self.accuracy, self.classes = accuracy, classes
        self.guessing = math.log(classes)

    def rises(self, margin: float = 1.1) -> bool:
        return self.last > margin * self.first

    def stuck(self) -> bool:
        return self.last > 0.95 * self.guessing

    def mixed_up(self, share: float = 0.5) -> bool:
        return self.accuracy < share / self.classes

    def by_heart(self) -> bool:
        return self.dev > self.guessing

    def too_good(self) -> bool:
        return self.dev < self.last / 3


RATE, NOTHING, LABELS, HEART, LEAK = (
    "rate too high",
    "learns nothing",
    "labels mixed up",
    "overfitting",
    "leakage",
)
Questions = dict[str, Callable[[_Run], bool]]
QUESTIONS: Questions = {
    RATE: _Run.rises,
    NOTHING: _Run.stuck,
    LABELS: _Run.mixed_up,
    HEART: _Run.by_heart,
    LEAK: _Run.too_good,
}


def _asking(questions: Questions) -> Callable[..., str]:
    """The name of the first question that is answered with yes."""

    def diagnose(*signs: float) -> str:
        run = _Run(*signs)  # type: ignore[arg-type]
        return next((cause for cause, asked in questions.items() if asked(run)), "healthy")

    return diagnose


def _in_order(*causes: str) -> Callable[..., str]:
    return _asking({cause: QUESTIONS[cause] for cause in causes})


def _instead(cause: str, asked: Callable[[_Run], bool]) -> Callable[..., str]:
    return _asking({**QUESTIONS, cause: asked})


def _runs(generator: torch.Generator) -> list[Probe]:
    classes = 3 + number(generator, 0, 4)
    guessing, chance = math.log(classes), 1 / classes
    wobble = 1 + 0.01 * number(generator, 0, 4)
    share = {
        "a healthy run": (1.0, 0.3, 0.5, 0.8),
        "a small gap between training and dev set": (1.0, 0.2, 0.6, 0.75),
        "a very good run": (1.0, 0.1, 0.09, 0.99),
        "the loss rises": (1.0, 1.9, 1.7, chance),
        "the loss of a trained head rises": (0.2, 0.5, 0.6, 0.7),
        "the loss rises by a hair": (0.30, 0.31, 0.35, 0.8),
        "the loss stays": (1.01, 0.99, 1.0, chance),
        "the loss stays, and accuracy is low by chance": (1.01, 0.98, 1.02, 0.4 * chance),
        "the loss comes down, and accuracy is below chance": (1.0, 0.2, 1.6, 0.3 * chance),
        "the loss comes down, and accuracy is a little below chance": (
            1.0,
            0.9,
            0.97,
            0.9 * chance,
        ),
        "accuracy is below chance, but the model is not sure": (1.0, 0.2, 0.9, 0.3 * chance),
        "the dev loss is a little below that of training": (1.0, 0.4, 0.3, 0.8),
        "the training loss alone comes down": (1.0, 0.05, 1.3, 0.6),
        "the dev loss is far below that of training": (1.0, 0.5, 0.1, 0.97),
    }
    probes = [
        Probe(name, (*(wobble * guessing * loss for loss in losses), accuracy, classes))
        for name, (*losses, accuracy) in share.items()
    ]
    return [
        *probes,
        Probe("two classes, and one of them always guessed", (0.69, 0.70, 0.69, 0.5, 2)),
        Probe("many classes", (wobble * 4.6, 2.0, 2.4, 0.4, 100)),
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
        "Guessing costs math.log(classes), and is right one time in `classes`.",
        "The order matters: with mixed-up labels the dev loss is high too, and a loss that rises "
        "ends above guessing too.",
    ),
    page=f"{PAGE}: the clinic",
    mistakes=(
        Mistake(
            "diagnose-bits",
            "log2(classes) for what guessing costs: it is the natural logarithm",
            _asking(
                {
                    **QUESTIONS,
                    NOTHING: lambda run: run.last > 0.95 * math.log2(run.classes),
                    HEART: lambda run: run.dev > math.log2(run.classes),
                }
            ),
        ),
        Mistake(
            "diagnose-two-classes",
            "0.69 for what guessing costs, however many classes there are",
            _asking(
                {
                    **QUESTIONS,
                    NOTHING: lambda run: run.last > 0.95 * math.log(2),
                    HEART: lambda run: run.dev > math.log(2),
                }
            ),
        ),
        Mistake(
            "diagnose-rise-unseen",
            "a loss that rises taken for one that stays",
            _in_order(NOTHING, LABELS, HEART, LEAK),
        ),
        Mistake(
            "diagnose-stuck-before-rise",
            "the question whether it learns asked before the one whether the loss rises",
            _in_order(NOTHING, RATE, LABELS, HEART, LEAK),
        ),
        Mistake(
            "diagnose-every-rise",
            "every rise of the loss taken for a rate too high, be it by a hair",
            _instead(RATE, lambda run: run.rises(margin=1.0)),
        ),
        Mistake(
            "diagnose-labels-before-stuck",
            "the question of the labels asked before the one whether it learns at all",
            _in_order(RATE, LABELS, NOTHING, HEART, LEAK),
        ),
        Mistake(
            "diagnose-overfitting-before-labels",
            "overfitting asked for before the labels: mixed up, they make the dev loss high too",
            _in_order(RATE, NOTHING, HEART, LABELS, LEAK),
        ),
        Mistake(
            "diagnose-labels-unseen",
            "mixed-up labels never told",
            _in_order(RATE, NOTHING, HEART, LEAK),
        ),
        Mistake(
            "diagnose-a-little-below-chance",
            "every accuracy below chance taken for mixed-up labels: it must be below half of it",
            _instead(LABELS, lambda run: run.mixed_up(share=1.0)),
        ),
        Mistake(
            "diagnose-below-one-half",
            "an accuracy below 0.5 taken for mixed-up labels: chance is 1 / classes",
            _instead(LABELS, lambda run: run.accuracy < 0.5),
        ),
        Mistake(
            "diagnose-every-gap",
            "every dev loss above the training loss taken for overfitting",
            _instead(HEART, lambda run: run.dev > run.last),
        ),
        Mistake(
            "diagnose-stuck-by-dev-loss",
            "the dev loss asked whether it learns: ask the training loss",
            _instead(NOTHING, lambda run: run.dev > 0.95 * run.guessing),
        ),
        Mistake(
            "diagnose-leak-unseen",
            "leakage never told",
            _in_order(RATE, NOTHING, LABELS, HEART),
        ),
        Mistake(
            "diagnose-leak-by-accuracy",
            "a high accuracy taken for leakage: a good run has one too",
            _instead(LEAK, lambda run: run.accuracy > 0.95),
        ),
        Mistake(
            "diagnose-leak-any",
            "every dev loss below the training loss taken for leakage: dropout alone does that",
            _instead(LEAK, lambda run: run.dev < run.last),
        ),
    ),
)

EXERCISES = (EXPECTED_FIRST_LOSS, LEAKED, SHARE_TRUNCATED, DIAGNOSE)
