"""Characters as a reader sees them, and the sentence around some of them."""

from typing import NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray

GRAPHEME = regex.compile(r"\X")
SENTENCE_END = regex.compile(
    r"[.!?\u2026\u061f]+[\p{Pe}\p{Pf}\"']*\s+|\n+|[\u3002\uff01\uff1f]+[\p{Pe}\p{Pf}]*"
)
CONTROL = regex.compile(r"\p{Cc}")


class GraphemeBounds(NamedTuple):
    """Where the grapheme around each place of a text begins and ends; n + 1 places each."""

    left: NDArray[np.int32]  # [i]: beginning of the grapheme that place i lies in; i between two
    right: NDArray[np.int32]  # likewise its end


def grapheme_bounds(text: str) -> GraphemeBounds:
    """The graphemes of a text: what a reader takes for one character, such as e with its accent.

    Source: Unicode Standard Annex 29, extended grapheme clusters, by the `regex` library.
    """
    places = np.arange(len(text) + 1, dtype=np.int32)
    if text.isascii() and "\r\n" not in text:
        return GraphemeBounds(places, places)
    edges = np.array([0, *(found.end() for found in GRAPHEME.finditer(text))], dtype=np.int32)
    left = edges[np.searchsorted(edges, places, side="right") - 1]
    right = edges[np.searchsorted(edges, places, side="left")]
    return GraphemeBounds(left, right)


def harmless(text: str) -> str:
    """A line of text for a terminal, with � for what would move its cursor or colour it."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def sentence_around(text: str, start: int, end: int) -> str:
    """The sentence of `text` that holds the characters from start to end; more, if they do.

    Sentences end with a stop and a space, or with a line; a stop of an abbreviation looks the same.
    """
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    first = max((place for place in ends if place <= start), default=0)
    last = min((place for place in ends if place >= end), default=len(text))
    return text[first:last].strip()
