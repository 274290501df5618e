"""Where the tags fail: kinds of error, types taken for each other, and the worst sentences in full.

Where tags are plain, every word is an entity of one word, and its tag is the type of it.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from minibert.checkpoint.disk import write_atomically, write_json
from minibert.tasks.ner.reading import DOCUMENT, Sentence
from minibert.tasks.ner.schemes import OUTSIDE, Entity, TagSet
from minibert.tasks.ner.scoring import Figures, Tags, accuracy, figures
from minibert.tasks.reports.page import CURVES, page, table

Kind = Literal["right", "type", "boundary", "both", "missed", "invented"]
KINDS: dict[Kind, str] = {
    "right": "type and words are right",
    "type": "the words are right, the type is not",
    "boundary": "the type is right; some words are too many or too few",
    "both": "some words are right, the type is not",
    "missed": "nothing was found there",
    "invented": "nothing is there",
}
NONE = "(none)"  # what an entity is taken for that was missed, or that was invented
MOST_PRINTED = 10  # types that a terminal has room for
WORST = 20
WIDTH = 100


class Pair(NamedTuple):
    """An entity, and what it was taken for."""

    kind: Kind
    gold: Entity | None  # None: invented
    predicted: Entity | None  # None: missed


@dataclass(frozen=True)
class Confused:
    """How often entities of one type were taken for another; "(none)" stands for no entity."""

    gold: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Mistaken:
    """A sentence with errors in it."""

    index: int  # of the sentence, from 0
    place: str  # where it begins
    errors: int
    gold: str  # the sentence with the entities marked that there are, such as ⟦New York LOC⟧
    predicted: str  # and with those that were predicted

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.errors} error{'s' * (self.errors > 1)}"]
        for name, text in (("gold", self.gold), ("predicted", self.predicted)):
            lines += textwrap.wrap(
                text,
                WIDTH,
                initial_indent=f"  {name:11}",
                subsequent_indent=" " * 13,
                break_long_words=False,
                break_on_hyphens=False,
            )
        return "\n".join(lines)


@dataclass(frozen=True)
class TagReport:
    """What was made of tagged sentences."""

    sentences: int
    words: int
    accuracy: float  # share of words
    figures: list[Figures]  # of all, then of each type
    kinds: dict[Kind, int]  # entities; see `KINDS`
    confusion: list[Confused]  # right ones too, the most frequent first
    worst: list[Mistaken]  # most errors first

    def __str__(self) -> str:
        few = len(self.figures) <= MOST_PRINTED + 1
        lines = [
            f"sentences {self.sentences:,}  words {self.words:,}  accuracy {self.accuracy:.4f}",
            "",
            *self._figures(self.figures if few else self.figures[:1]),
            "",
            *(f"{kind:9} {self.kinds[kind]:7,}  {told}" for kind, told in KINDS.items()),
            "",
            *(self._matrix() if few else self._most_confused()),
        ]
        return "\n".join(lines)

    def _figures(self, shown: Sequence[Figures]) -> Iterable[str]:
        width = max(len(one.name) for one in shown)
        yield f"{'':{width}}  precision  recall      f1     gold  predicted"
        for one in shown:
            shares = f"{one.precision:9.4f}  {one.recall:6.4f}  {one.f1:6.4f}"
            yield f"{one.name:{width}}  {shares}  {one.gold:7,}  {one.predicted:9,}"

    def _matrix(self) -> Iterable[str]:
        names = [*(one.name for one in self.figures[1:]), NONE]
        counts = {(one.gold, one.predicted): one.count for one in self.confusion}
        width = max(6, *map(len, names))
        heads = "".join(f"  {name:>{width}}" for name in names)
        yield f"{'gold':{width}}{heads}  predicted"
        for gold in names:
            row = (counts.get((gold, predicted), 0) for predicted in names)
            yield f"{gold:{width}}" + "".join(f"  {count:{width},}" for count in row)

    def _most_confused(self) -> Iterable[str]:
        wrong = [one for one in self.confusion if one.gold != one.predicted]
        for one in wrong[:MOST_PRINTED]:
            yield f"{one.count:7,}  {one.gold} taken for {one.predicted}"


def pairs(gold: Sequence[Entity], predicted: Sequence[Entity]) -> list[Pair]:
    """Every entity of a sentence once: with the one it was taken for, or alone.

    Only entities that share words make a pair, and each is in one pair at most. Those that are
    right come first, then those with the same words, then of the same type, then the rest; of
    several of a kind those that share the most words, then the first. So of two entities predicted
    as a single one, one has its boundary wrong and the other is missed.
    """
    at = {word: entity for entity in predicted for word in range(entity.first, entity.last + 1)}
    ranked = []
    for ours in gold:
        words = range(ours.first, ours.last + 1)
        for theirs, shared in Counter(at[word] for word in words if word in at).items():
            kind = _kind(ours, theirs)
            ranked.append((list(KINDS).index(kind), -shared, ours.first, kind, ours, theirs))
    found: list[Pair] = []
    free, free_predicted = dict.fromkeys(gold), dict.fromkeys(predicted)
    for *_, kind, ours, theirs in sorted(ranked):
        if ours in free and theirs in free_predicted:
            del free[ours], free_predicted[theirs]
            found.append(Pair(kind, ours, theirs))
    found += [Pair("missed", ours, None) for ours in free]
    return found + [Pair("invented", None, theirs) for theirs in free_predicted]


def _kind(ours: Entity, theirs: Entity) -> Kind:
    if ours[1:] == theirs[1:]:
        return "right" if ours == theirs else "type"
    return "boundary" if ours.type == theirs.type else "both"


def tag_report(
    sentences: Sequence[Sentence], predicted: Sequence[Tags], tag_set: TagSet, most: int = WORST
) -> TagReport:
    """The report on labelled sentences and the tags that were predicted, with `most` worst ones."""
    gold = [tag_set.tags(sentence) for sentence in sentences]
    ours, theirs = list(map(tag_set.entities, gold)), list(map(tag_set.entities, predicted))
    paired = [pairs(*both) for both in zip(ours, theirs, strict=True)]
    every = [pair for some in paired for pair in some]
    kinds = Counter(pair.kind for pair in every)
    confused = Counter(
        (pair.gold.type if pair.gold else NONE, pair.predicted.type if pair.predicted else NONE)
        for pair in every
    )
    errors = [sum(pair.kind != "right" for pair in some) for some in paired]
    worst = sorted((i for i, count in enumerate(errors) if count), key=lambda i: -errors[i])[:most]
    return TagReport(
        len(sentences),
        sum(len(sentence.words) for sentence in sentences),
        accuracy(gold, predicted),
        figures(ours, theirs),
        {kind: kinds[kind] for kind in KINDS},
        [Confused(*types, count) for types, count in confused.most_common()],
        [_mistaken(i, sentences[i], paired[i], errors[i], tag_set) for i in worst],
    )


def _mistaken(
    index: int, sentence: Sentence, paired: Sequence[Pair], errors: int, tag_set: TagSet
) -> Mistaken:
    """Of plain tags, which every word has, only those are marked that are wrong."""
    shown = [pair for pair in paired if tag_set.types or pair.kind != "right"]
    gold = marked(sentence.words, [pair.gold for pair in shown if pair.gold])
    predicted = marked(sentence.words, [pair.predicted for pair in shown if pair.predicted])
    return Mistaken(index, sentence.place(0), errors, gold, predicted)


def marked(words: Sequence[str], entities: Iterable[Entity]) -> str:
    """A sentence with its entities in ⟦ ⟧, each with its type."""
    made = list(words)
    for type, first, last in entities:
        made[first] = f"⟦{made[first]}"
        made[last] = f"{made[last]} {type}⟧"
    return " ".join(made)


def write_report(folder: Path, title: str, report: TagReport, warnings: Sequence[str] = ()) -> None:
    """report.json for programs, and report.md with the worst sentences for readers."""
    write_json(folder / "report.json", asdict(report))
    write_atomically(folder / "report.md", _page(title, report, warnings))


def _page(title: str, report: TagReport, warnings: Sequence[str]) -> str:
    every = report.figures[0]
    by_type = [
        (one.name, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", one.gold)
        for one in report.figures
    ]
    taken = [one for one in report.confusion if one.gold != one.predicted]
    kinds = [(f"{kind}: {KINDS[kind]}", count) for kind, count in report.kinds.items()]
    confusion = [(f"{one.gold} for {one.predicted}", one.count) for one in taken[:WORST]]
    return page(
        title,
        warnings,
        f"{report.sentences:,} sentences of the dev set, {report.words:,} words: "
        f"F1 **{every.f1:.4f}**, accuracy of words {report.accuracy:.4f}.",
        CURVES,
        table(("type", "precision", "recall", "F1", "there"), by_type),
        "## Kinds of error",
        table(("", "entities"), kinds),
        "## Taken for another",
        table(("", "times"), confusion) if confusion else "None.",
        "## Worst sentences",
        *(f"~~~~\n{one}\n~~~~" for one in report.worst),
    )


def write_columns(
    path: Path, sentences: Sequence[Sentence], predicted: Sequence[Tags], tag_set: TagSet
) -> None:
    """CoNLL's columns, as `conlleval` reads them: word, gold tag if known, predicted tag.

    All tags are IOB2, whatever the file's were. A blank inside a word becomes an underscore, for it
    would divide columns. Documents, if there are several, begin with a -DOCSTART- line each.
    """
    lines = []
    several = len({sentence.document for sentence in sentences}) > 1
    document = None
    for sentence, tags in zip(sentences, predicted, strict=True):
        known = [] if sentence.tags is None else [tag_set.tags(sentence)]
        if several and sentence.document != document:
            lines += [" ".join([DOCUMENT, *[OUTSIDE] * (len(known) + 1)]), ""]
            document = sentence.document
        words = ("_".join(word.split()) for word in sentence.words)
        lines += [" ".join(cells) for cells in zip(words, *known, tags, strict=True)]
        lines.append("")
    write_atomically(path, "\n".join(lines) + "\n")
