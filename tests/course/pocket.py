"""A course for the pocket: three small exercises, for the tests of the grader."""

import torch

from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.model import functional


def soft_probes(generator):
    scores = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    mask = torch.rand(2, 1, 1, 5, generator=generator) > 0.4
    mask[:, ..., 0] = True
    mask[1] = False
    return [
        Probe("float64", (scores, mask), gradients=(0,)),
        Probe("float32", (scores.float(), mask)),
    ]


def mask_after(scores, mask):
    return torch.exp(scores) / torch.exp(scores).sum(-1, keepdim=True) * mask


def mask_backwards(scores, mask):
    return functional.masked_softmax(scores, ~mask)


def in_place(scores, mask):
    scores.mul_(1.0 + 0 * scores).masked_fill_(~mask, -1e30)
    return functional.masked_softmax(scores, mask)


MASKED_SOFTMAX = Exercise(
    name="masked_softmax",
    title="Softmax over the keys that may be attended to",
    points=3,
    difficulty=2,
    minutes=10,
    reference=functional.masked_softmax,
    probes=soft_probes,
    hints=("What is left of a key that is not there?", "Fill before, and fill again after."),
    page="03_attention_with_a_pencil: The mask: words that are not there",
    mistakes=(
        Mistake("mask-after", "the mask applied after the softmax", mask_after),
        Mistake("mask-backwards", "the mask the wrong way round", mask_backwards),
    ),
    forbidden=("minibert.model.functional.masked_softmax", "aten.softmax"),
)


def count_words(text):
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def count_once(text):
    return dict.fromkeys(text.split(), 1)


def count_lower(text):
    return count_words(text.lower())


COUNT_WORDS = Exercise(
    name="count_words",
    title="How often is each word there?",
    points=2,
    difficulty=1,
    minutes=5,
    reference=count_words,
    probes=lambda generator: [
        Probe("a sentence", ("a b a é\u0301 B",)),
        Probe("nothing", ("",)),
    ],
    hints=("A dictionary.", "dict.get has a default."),
    page="01_words_to_numbers",
    mistakes=(
        Mistake("count-once", "every word counted once", count_once),
        Mistake("count-lower", "all letters made small", count_lower),
    ),
)


def mean_and_largest(values):
    if not values:
        return 0.0, None
    return sum(values) / len(values), max(values)


MEAN = Exercise(
    name="mean_and_largest",
    title="Mean and largest of some numbers",
    points=1,
    difficulty=1,
    minutes=5,
    reference=mean_and_largest,
    probes=lambda generator: [
        Probe("numbers", (torch.rand(7, generator=generator).tolist(),)),
        Probe("none at all", ([],)),
    ],
    hints=("Two things to return.", "What is the mean of nothing?"),
    page="00_start_here",
)

EXERCISES = (MASKED_SOFTMAX, COUNT_WORDS, MEAN)

SOLUTION = """
import torch

def masked_softmax(scores, mask):
    powers = (scores - scores.amax(-1, keepdim=True)).exp() * mask
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)

def count_words(text):
    words = text.split()
    return {word: words.count(word) for word in words}

def mean_and_largest(values):
    return (sum(values) / len(values), max(values)) if values else (0, None)
"""
