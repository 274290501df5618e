"""How good tags are: precision, recall and F1 of entities, as the CoNLL tasks count them.

An entity is right only if its type, its first and its last word all are. Each counts once, however
long; words outside of entities count for nothing, but for the accuracy. Sequences of tags that no
scheme allows are read as `conlleval` reads them (`schemes.entities_of`).

Source: Tjong Kim Sang and De Meulder 2003, section 2.4, and its script `conlleval`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from minibert.tasks.ner.schemes import Entity, TagSet

Tags = Sequence[str]


@dataclass(frozen=True)
class Figures:
    """How well one type of entity is found, or all of them; shares of nothing are 0."""

    name: str
    precision: float  # the share of what is predicted that is right
    recall: float  # the share of what is there that is found
    f1: float  # the harmonic mean of the two
    gold: int  # entities that there are
    predicted: int
    right: int

    @classmethod
    def of(cls, name: str, gold: int, predicted: int, right: int) -> Self:
        """The shares that belong to the counts."""
        precision, recall = right / max(predicted, 1), right / max(gold, 1)
        return cls(
            name, precision, recall, 2 * right / max(gold + predicted, 1), gold, predicted, right
        )


def figures(
    gold: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]]
) -> list[Figures]:
    """Those of all types together, named "all", then of each; the entities of sentences."""
    there, given, right = Counter[str](), Counter[str](), Counter[str]()
    for ours, theirs in zip(gold, predicted, strict=True):
        there.update(entity.type for entity in ours)
        given.update(entity.type for entity in theirs)
        right.update(entity.type for entity in set(ours) & set(theirs))
    every = Figures.of("all", there.total(), given.total(), right.total())
    types = sorted(there | given)
    return [every, *(Figures.of(type, there[type], given[type], right[type]) for type in types)]


def accuracy(gold: Iterable[Tags], predicted: Iterable[Tags]) -> float:
    """The share of words whose tag is the right one."""
    pairs = [
        one == other
        for ours, theirs in zip(gold, predicted, strict=True)
        for one, other in zip(ours, theirs, strict=True)
    ]
    return sum(pairs) / len(pairs)


def metric_names(tag_set: TagSet) -> tuple[str, ...]:
    """The keys of `metrics`; the first is that by which models are compared."""
    if not tag_set.types:
        return ("accuracy",)
    return ("f1", "precision", "recall", "accuracy")


def metrics(gold: Sequence[Tags], predicted: Sequence[Tags], tag_set: TagSet) -> dict[str, float]:
    """What is measured of tags, 0 to 1; both in IOB2, or both plain, sentence by sentence."""
    right = accuracy(gold, predicted)
    if not tag_set.types:
        return {"accuracy": right}
    ours, theirs = (list(map(tag_set.entities, tags)) for tags in (gold, predicted))
    every = figures(ours, theirs)[0]
    return {
        "f1": every.f1,
        "precision": every.precision,
        "recall": every.recall,
        "accuracy": right,
    }
