"""Words in a text, and where they stand in it."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import regex

# As tagged corpora divide text, for that is what a model knows: a name such as U.S., J. Smith-Jones
# or AT&T is not cut at its punctuation; marks around words, and 's, are words of their own.
PART = r"[\p{L}\p{N}--\p{Han}] [\p{L}\p{N}\p{M}\p{Cf}--\p{Han}]*"
JOINT = r"[-&/.] | ['\u2019] (?! [sS] \b ) | (?<= \p{N} ) [,:] (?= \p{N} )"
WORD = regex.compile(
    rf"""
      (?: \p{{L}} \. ){{2,}}                 # U.S.
    | \p{{Lu}} \. (?= \s+ \p{{Lu}} )         # J. before Smith
    | ['\u2019] [sS] \b
    | [-.]{{2,}}
    | \p{{Han}}                              # each is a word for BERT too
    | {PART} (?: (?: {JOINT} ) {PART} )*     # AT&T, 2:30
    | (?= [^\s\p{{C}}] ) \X                  # any other character, with its accents
    """,
    regex.VERBOSE | regex.V1,
)


class Text(NamedTuple):
    """A text and its words; (W,) each."""

    text: str
    words: tuple[str, ...]
    starts: tuple[int, ...]  # in characters
    ends: tuple[int, ...]


def split(text: str) -> Text:
    """A text with the words in it. Blanks and control characters between words belong to none."""
    found = list(WORD.finditer(text))
    words = tuple(one.group() for one in found)
    return Text(text, words, tuple(one.start() for one in found), tuple(one.end() for one in found))


def joined(words: Sequence[str]) -> Text:
    """Words that stand in a file, as a text with a blank between any two."""
    starts = tuple(accumulate((len(word) + 1 for word in words[:-1]), initial=0))[: len(words)]
    ends = tuple(start + len(word) for start, word in zip(starts, words, strict=True))
    return Text(" ".join(words), tuple(words), starts, ends)
