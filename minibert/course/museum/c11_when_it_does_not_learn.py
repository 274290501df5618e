"""What goes wrong in chapter 11: the mistakes that people make in its exercises."""

import math
from collections.abc import Callable, Iterable

from minibert.course.exercise import Mistake
from minibert.course.exercises.c11_when_it_does_not_learn import (
    BATCH,
    HEART,
    LEAKAGE,
    QUESTIONS,
    RATE,
    SPECIAL,
    STILL,
    Question,
    asking,
    leaked,
    leaked_if_equal,
    plain_text,
    share_longer,
    share_truncated,
)

EXPECTED_FIRST_LOSS_MISTAKES = (
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
)


def _once(places: Iterable[int], dev: list[str]) -> list[int]:
    """The first place of each text alone."""
    return sorted({plain_text(dev[place]): place for place in reversed(list(places))}.values())


LEAKED_MISTAKES = (
    Mistake(
        "leak-as-written",
        "texts compared as they are written: case and blanks hide leaks",
        leaked_if_equal(lambda text: text),
    ),
    Mistake(
        "leak-case",
        "blanks put in order, but case kept",
        leaked_if_equal(lambda text: " ".join(text.split())),
    ),
    Mistake(
        "leak-inner-blanks",
        "lower case, but blanks put in order at both ends alone",
        leaked_if_equal(lambda text: text.lower().strip()),
    ),
    Mistake(
        "leak-no-blanks",
        "all blanks taken away: then now here is nowhere",
        leaked_if_equal(lambda text: plain_text(text).replace(" ", "")),
    ),
    Mistake(
        "leak-ascii-letters",
        "everything but the letters a to z taken away, accents and full stops too",
        leaked_if_equal(
            lambda text: " ".join(
                "".join(c for c in plain_text(text) if "a" <= c <= "z" or c == " ").split()
            )
        ),
    ),
    Mistake(
        "leak-part-of",
        "dev texts that are part of a training text; they must be the same",
        lambda train, dev: [
            place
            for place, text in enumerate(dev)
            if any(plain_text(text) in plain_text(seen) for seen in train)
        ],
    ),
    Mistake(
        "leak-places-in-train",
        "the places in the training set; those in the dev set are meant",
        lambda train, dev: leaked(dev, train),
    ),
    Mistake(
        "leak-once",
        "a leaked text counted once, though it stands in the dev set several times",
        lambda train, dev: _once(leaked(train, dev), dev),
    ),
    Mistake(
        "leak-twins-in-dev",
        "texts counted as well that stand in the dev set twice: that is no leak",
        lambda train, dev: [
            place
            for place, text in enumerate(dev)
            if [*map(plain_text, train), *map(plain_text, dev[:place])].count(plain_text(text))
        ],
    ),
    Mistake(
        "leak-how-many",
        "their number; the places are asked for",
        lambda train, dev: len(leaked(train, dev)),
    ),
)


def _pieces_lost(lengths: list[int], max_length: int) -> float:
    lost = sum(max(length + SPECIAL - max_length, 0) for length in lengths)
    return lost / max(sum(lengths), 1)


SHARE_TRUNCATED_MISTAKES = (
    Mistake("truncated-no-special", "the room of [CLS] and [SEP] forgotten", share_longer),
    Mistake(
        "truncated-one-special",
        "one special token; there are two, [CLS] and [SEP]",
        lambda lengths, max_length: share_longer(lengths, max_length - 1),
    ),
    Mistake(
        "truncated-just-fits",
        "texts counted that just fit: >= in place of >",
        lambda lengths, max_length: share_truncated(lengths, max_length - 1),
    ),
    Mistake(
        "truncated-special-added",
        "the room made larger by [CLS] and [SEP]: they make it smaller",
        lambda lengths, max_length: share_longer(lengths, max_length + SPECIAL),
    ),
    Mistake(
        "truncated-pieces",
        "the share of word pieces that are lost; that of texts is meant",
        _pieces_lost,
    ),
    Mistake(
        "truncated-percent",
        "per cent; a share lies between 0 and 1",
        lambda lengths, max_length: 100 * share_truncated(lengths, max_length),
    ),
    Mistake(
        "truncated-number",
        "their number, not divided by that of all texts",
        lambda lengths, max_length: share_truncated(lengths, max_length) * len(lengths),
    ),
    Mistake(
        "truncated-others",
        "the share of those that fit",
        lambda lengths, max_length: 1 - share_truncated(lengths, max_length),
    ),
    Mistake(
        "truncated-division-by-0",
        "a division by the number of texts even where that is 0",
        lambda lengths, max_length: (
            sum(length + SPECIAL > max_length for length in lengths) / len(lengths)
        ),
    ),
)


def _in_order(*causes: str) -> Callable[..., str]:
    return asking({cause: QUESTIONS[cause] for cause in causes})


def _instead(cause: str, asked: Question) -> Callable[..., str]:
    return asking({**QUESTIONS, cause: asked})


def _guessing_costs(cost: Callable[[int], float]) -> Callable[..., str]:
    return asking(
        {
            **QUESTIONS,
            RATE: lambda run: run.last_loss > 1.2 * cost(run.classes),
            BATCH: lambda run: run.last_loss > 0.95 * cost(run.classes),
            HEART: lambda run: run.dev_loss > cost(run.classes),
        }
    )


DIAGNOSE_MISTAKES = (
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
)

MISTAKES = {
    "expected_first_loss": EXPECTED_FIRST_LOSS_MISTAKES,
    "leaked": LEAKED_MISTAKES,
    "share_truncated": SHARE_TRUNCATED_MISTAKES,
    "diagnose": DIAGNOSE_MISTAKES,
}
