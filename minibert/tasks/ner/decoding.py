"""From the model's scores to tags, and from tags to entities in a text.

A word's best tag by itself may be one that cannot stand there, such as I-PER behind O. `best_path`
looks instead for the legal sequence of tags whose scores have the highest sum, by Viterbi's
algorithm: of all ways to reach a tag at a word only the best is worth keeping.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minibert.tasks.ner.schemes import TagSet
from minibert.tasks.ner.text import Text


def best_tags(
    logits: NDArray[np.floating], bounds: NDArray[np.int64], tag_set: TagSet, constrained: bool
) -> NDArray[np.int64]:
    """The number of each word's tag: the best by itself, or constrained that of `best_path`."""
    return best_path(logits, bounds, tag_set) if constrained else logits.argmax(1)


def best_path(
    logits: NDArray[np.floating], bounds: NDArray[np.int64], tag_set: TagSet
) -> NDArray[np.int64]:
    """The numbers of each word's tag in the best legal sequence; logits (W, C).

    bounds (S + 1,): which words make up which sentence, as in `TaggedWindows`. All sentences take
    their steps together, the longest first, so that those which still go on are the first ones.
    """
    moves = np.where(tag_set.moves(), 0.0, -np.inf)
    first_move, moves = moves[0], moves[1:]  # (C,) and (C before, C after)
    lengths = np.diff(bounds)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    firsts, lengths = bounds[:-1][order], lengths[order]
    going = [int(np.searchsorted(-lengths, -step)) for step in range(lengths[0])]
    # best[s, c]: the sum of the best way through sentence s so far that ends in tag c;
    # before[w, c]: which tag that way has at the word before w.
    best = logits[firsts] + first_move
    before = np.zeros(logits.shape, dtype=np.int16)
    for step in range(1, lengths[0]):
        rows, words = slice(going[step]), firsts[: going[step]] + step
        ways = best[rows, :, None] + moves  # (S, C before, C after)
        before[words] = ways.argmax(1)
        best[rows] = ways.max(1) + logits[words]
    tags = np.zeros(len(logits), dtype=np.int64)
    tags[firsts + lengths - 1] = best.argmax(1)
    for step in range(lengths[0] - 1, 0, -1):
        words = firsts[: going[step]] + step
        tags[words - 1] = before[words, tags[words]]
    return tags


class Found(NamedTuple):
    """An entity in a text, text == whole[start:end]."""

    text: str
    type: str
    start: int  # characters
    end: int
    score: float  # the mean probability of its words' tags


def found_entities(
    text: Text, logits: NDArray[np.floating], tags: NDArray[np.int64], tag_set: TagSet
) -> list[Found]:
    """The entities of one text, or its tagged words; logits (W, C) and tags (W,) of its words."""
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    sure = shares[np.arange(len(tags)), tags]
    found = []
    for type, first, last in tag_set.entities([tag_set.names[tag] for tag in tags]):
        start, end = text.starts[first], text.ends[last]
        score = float(sure[first : last + 1].mean())
        found.append(Found(text.text[start:end], type, start, end, score))
    return found
