"""Tags and entities: IOB1, IOB2 and IOBES, how to tell them apart, and how to read any of them.

    words  in New   York  Peter Ann   of Rome
    IOB1   O  I-LOC I-LOC I-PER B-PER O  I-LOC    B only between two of a type: Peter, Ann
    IOB2   O  B-LOC I-LOC B-PER B-PER O  B-LOC    B for every first word; also called BIO
    IOBES  O  B-LOC E-LOC S-PER S-PER O  S-LOC    E for the last of several words, S for a single

Files differ in their scheme; the model's own is always IOB2. A column whose tags have no such
prefix, such as parts of speech, has no entities: its tags are plain, one word each.

Source: Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra 1999, "Representing Text Chunks"; the
CoNLL shared tasks' `conlleval`, for what is no legal sequence.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from minibert.errors import DataError
from minibert.tasks.ner.reading import Sentence

Scheme = Literal["IOB1", "IOB2", "IOBES"]
SCHEMES: tuple[Scheme, ...] = ("IOB2", "IOB1", "IOBES")  # of equally good ones the first is taken

OUTSIDE = "O"
ENTITY_TAG = re.compile(r"[BIES]-.+", re.DOTALL)


class Entity(NamedTuple):
    """Words that name something."""

    type: str
    first: int
    last: int  # the last word of it, not the one behind


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence, whichever scheme its tags are of, and be they legal or not.

    A word with a tag goes on with the entity before it unless its own tag is B or S, its type is
    another, or that entity ended with E or S. `conlleval` reads sequences that no scheme allows,
    such as O I-PER, in just this way.
    """
    found: list[Entity] = []
    before, type_before = OUTSIDE, ""
    for word, tag in enumerate(tags):
        prefix, _, type = tag.partition("-")
        if prefix != OUTSIDE:
            if prefix in "BS" or before in "OES" or type != type_before:
                found.append(Entity(type, word, word))
            else:
                found[-1] = found[-1]._replace(last=word)
        before, type_before = prefix, type
    return found


def tags_of(entities: Iterable[Entity], words: int, scheme: Scheme = "IOB2") -> list[str]:
    """The tags of a sentence of so many words; its entities in their order, none over another."""
    tags = [OUTSIDE] * words
    before = Entity("", -1, -1)
    for entity in entities:
        type, first, last = entity
        tags[first : last + 1] = [f"I-{type}"] * (last - first + 1)
        touches = before.type == type and before.last == first - 1
        if scheme != "IOB1" or touches:
            tags[first] = f"B-{type}"
        if scheme == "IOBES":
            tags[last] = f"E-{type}" if last > first else f"S-{type}"
        before = entity
    return tags


def legal(before: str, after: str, scheme: Scheme) -> bool:
    """Whether a tag may follow another; O stands for what is outside the sentence."""
    prefix_before, _, type_before = before.partition("-")
    prefix, _, type = after.partition("-")
    open_before = prefix_before in "BI"
    goes_on = open_before and type == type_before
    if scheme == "IOB1":
        return prefix in "OI" or (prefix == "B" and goes_on)
    if scheme == "IOB2":
        return prefix in "OB" or (prefix == "I" and goes_on)
    return prefix in "IE" and goes_on if open_before else prefix in "OBS"


class Detected(NamedTuple):
    """The scheme that fits a file best, and how well."""

    scheme: Scheme | None  # None: the tags are plain
    entities: int
    illegal: int  # tags that may not stand where they do
    first: str = ""  # of them, and where

    def __str__(self) -> str:
        if self.scheme is None:
            return "plain tags, without B- and I-: no entities, so only accuracy is measured"
        told = f"{self.scheme}, {self.entities:,} entities"
        if self.illegal:
            told += f"; {self.illegal:,} tags not legal in it, the first {self.first}"
        return told


def detect(sentences: Sequence[Sentence]) -> Detected:
    """The scheme of tagged sentences: that in which the fewest tags are illegal.

    Raises `DataError` naming a tag's place where some are tags of entities, and this one is not.
    """
    if is_plain(sentences):
        return Detected(None, 0, 0)
    faults = {scheme: list(_faults(sentences, scheme)) for scheme in SCHEMES}
    best = min(SCHEMES, key=lambda scheme: len(faults[scheme]))
    count = sum(len(entities_of(tags)) for _, tags in _tagged(sentences))
    return Detected(best, count, len(faults[best]), *faults[best][:1])


def is_plain(sentences: Sequence[Sentence]) -> bool:
    """Whether no tag is one of an entity, though not all are O. Raises `DataError` if some are."""
    names = {tag for _, tags in _tagged(sentences) for tag in tags}
    odd = {tag for tag in names if tag != OUTSIDE and not ENTITY_TAG.fullmatch(tag)}
    if not odd or odd == names - {OUTSIDE}:
        return bool(odd)
    sentence, word = next(
        (sentence, word)
        for sentence, tags in _tagged(sentences)
        for word, tag in enumerate(tags)
        if tag in odd
    )
    assert sentence.tags is not None
    raise DataError(
        f"{sentence.place(word)}: tag {sentence.tags[word]!r} is none of an entity, which are O or "
        f"begin with B-, I-, E- or S- as {min(names - odd - {OUTSIDE})!r} does"
    )


def _tagged(sentences: Iterable[Sentence]) -> Iterable[tuple[Sentence, tuple[str, ...]]]:
    """The sentences and their tags. Raises `DataError` for one without."""
    for sentence in sentences:
        if sentence.tags is None:
            raise DataError(f"{sentence.place(0)}: words without tags")
        yield sentence, sentence.tags


def _faults(sentences: Iterable[Sentence], scheme: Scheme) -> Iterable[str]:
    """The tags that may not stand where they do; the end of a sentence may be one."""
    for sentence, tags in _tagged(sentences):
        for word, (before, after) in enumerate(pairwise((OUTSIDE, *tags, OUTSIDE))):
            if not legal(before, after, scheme):
                if word < len(tags):
                    yield f"{sentence.place(word)}, {after!r} behind {before!r}"
                else:
                    yield f"{sentence.place(word - 1)}, {before!r} at the end of the sentence"


@dataclass(frozen=True)
class TagSet:
    """What the model can say of a word: IOB2's tags of some types of entity, or plain tags."""

    names: tuple[str, ...]  # in the order of their numbers

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Self:
        """The tags of a training set. Raises `DataError` if there is nothing to tell apart."""
        names = sorted({tag for _, tags in _tagged(sentences) for tag in tags})
        if not is_plain(sentences):
            types = sorted({tag[2:] for tag in names if tag != OUTSIDE})
            names = [OUTSIDE, *(f"{prefix}-{type}" for type in types for prefix in "BI")]
        if len(names) < 2:
            file = sentences[0].file
            raise DataError(f"{file}: every tag is {names[0]!r}, so there is nothing to be learnt")
        return cls(tuple(names))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types of entity; none where the tags are plain."""
        return tuple(name[2:] for name in self.names if name.startswith("B-"))

    @cached_property
    def _known(self) -> frozenset[str]:
        """The tags that a file may hold."""
        in_any_scheme = (f"{prefix}-{type}" for prefix in "BIES" for type in self.types)
        return frozenset((*self.names, *in_any_scheme))

    def tags(self, sentence: Sentence) -> tuple[str, ...]:
        """A sentence's tags, in IOB2 whatever they were. Raises `DataError` for an unknown one."""
        ((_, tags),) = _tagged([sentence])
        for word, tag in enumerate(tags):
            if tag not in self._known:
                raise DataError(
                    f"{sentence.place(word)}: tag {tag!r} is unknown; the training set has "
                    f"{', '.join(self.types or self.names)}"
                )
        return tuple(tags_of(entities_of(tags), len(tags))) if self.types else tags

    def entities(self, tags: Sequence[str]) -> list[Entity]:
        """The entities of a sentence; where the tags are plain, every word by itself."""
        if self.types:
            return entities_of(tags)
        return [Entity(tag, word, word) for word, tag in enumerate(tags)]

    def numbers(self, sentences: Iterable[Sentence]) -> NDArray[np.int64]:
        """The numbers of all words' tags, end to end."""
        places = {name: number for number, name in enumerate(self.names)}
        return np.array([places[tag] for sentence in sentences for tag in self.tags(sentence)])

    def named(self, numbers: Iterable[int], bounds: Iterable[int]) -> list[tuple[str, ...]]:
        """The tags of sentences from all words' numbers; bounds as in `TaggedWindows`."""
        names = [self.names[number] for number in numbers]
        return [tuple(names[start:end]) for start, end in pairwise(bounds)]

    def moves(self) -> NDArray[np.bool_]:
        """Which tag may follow which, [before, after]; the first row is a sentence's beginning."""
        names = self.names
        if not self.types:
            return np.ones((len(names) + 1, len(names)), dtype=bool)
        rows = [[legal(before, after, "IOB2") for after in names] for before in (OUTSIDE, *names)]
        return np.array(rows)
