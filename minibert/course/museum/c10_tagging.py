"""What goes wrong in chapter 10: the mistakes that people make in its exercises."""

from collections.abc import Callable, Sequence

from minibert.course.exercise import Mistake
from minibert.course.exercises.c10_tagging import (
    Sentences,
    Tags,
    Words,
    all_entities,
    entity_f1,
    label_pieces,
    labelled,
    to_iob2,
)
from minibert.tasks.ner import schemes, scoring
from minibert.tasks.ner.schemes import Entity


def _last_piece(word_ids: Words, labels: list[int]) -> list[int | None]:
    return label_pieces(word_ids[::-1], labels)[::-1]


def _word_0_is_false(word_ids: Words, labels: list[int]) -> list[int | None]:
    right = label_pieces(word_ids, labels)
    return [label if word else -100 for word, label in zip(word_ids, right, strict=True)]


def _one_after_another(word_ids: Words, labels: list[int]) -> list[int]:
    """The n-th token that is no special one gets the n-th label, whichever word it belongs to."""
    places = [place for place, word in enumerate(word_ids) if word is not None]
    given = [-100] * len(word_ids)
    for place, label in zip(places, labels, strict=False):
        given[place] = label
    return given


def _by_label(word_ids: Words, labels: list[int]) -> list[int | None]:
    """A piece is passed over if its label is that of the piece before."""
    every = labelled(word_ids, labels, others=None, special=-100)
    return [
        -100 if place and label == every[place - 1] else label for place, label in enumerate(every)
    ]


LABEL_PIECES_MISTAKES = (
    Mistake(
        "pieces-all-labelled",
        "the word's label on all of its pieces: long words count more then",
        lambda word_ids, labels: labelled(word_ids, labels, others=None, special=-100),
    ),
    Mistake(
        "pieces-last-labelled",
        "the label on the last piece of each word: it belongs on the first",
        _last_piece,
    ),
    Mistake(
        "pieces-special-labelled-0",
        "label 0 for [CLS], [SEP] and padding: they have none, so -100",
        lambda word_ids, labels: labelled(word_ids, labels, others=-100, special=0),
    ),
    Mistake(
        "pieces-special-none",
        "None for [CLS], [SEP] and padding: the loss wants numbers, so -100",
        lambda word_ids, labels: labelled(word_ids, labels, others=-100, special=None),
    ),
    Mistake(
        "pieces-others-labelled-0",
        "label 0 for the pieces after the first: then the model learns that they are outside",
        lambda word_ids, labels: labelled(word_ids, labels, others=0, special=-100),
    ),
    Mistake(
        "pieces-unlabelled-0",
        "label 0 in place of -100 everywhere",
        lambda word_ids, labels: labelled(word_ids, labels, others=0, special=0),
    ),
    Mistake(
        "pieces-minus-1",
        "-1 in place of -100, which is what the loss passes over",
        lambda word_ids, labels: labelled(word_ids, labels, others=-1, special=-1),
    ),
    Mistake(
        "pieces-word-0-lost",
        "word 0 taken for none: `if word` is False for 0",
        _word_0_is_false,
    ),
    Mistake(
        "pieces-one-after-another",
        "one label after another, whichever word a piece belongs to",
        _one_after_another,
    ),
    Mistake(
        "pieces-same-label-same-word",
        "labels compared in place of words: two words of the same label become one",
        _by_label,
    ),
)


def _changed(begins: Callable[[str, str, str], bool]) -> Callable[[Tags], Tags]:
    """B where begins(before, tag, tag of the right answer) says so; else what was there."""

    def change(tags: Tags) -> Tags:
        right = to_iob2(tags)
        return [
            f"B{tag[1:]}" if tag != "O" and begins(before, tag, better) else tag
            for before, tag, better in zip(["", *tags], tags, right, strict=False)
        ]

    return change


def _same_type(tag: str, other: str) -> bool:
    return tag[1:] == other[1:]


TO_IOB2_MISTAKES = (
    Mistake(
        "iob2-unchanged",
        "the tags as they came: IOB1 read as if it were IOB2",
        list,
    ),
    Mistake(
        "iob2-all-b",
        "B for every word of an entity",
        _changed(lambda before, tag, better: True),
    ),
    Mistake(
        "iob2-types-grow-together",
        "B after O alone: an I of another type begins an entity too",
        _changed(lambda before, tag, better: before in ("", "O")),
    ),
    Mistake(
        "iob2-first-word-forgotten",
        "no B at the beginning of the sentence",
        _changed(lambda before, tag, better: before != "" and better[0] == "B"),
    ),
    Mistake(
        "iob2-after-o-forgotten",
        "B only where the type changes from one entity to the next, not after O",
        _changed(
            lambda before, tag, better: before not in ("", "O") and not _same_type(before, tag)
        ),
    ),
    Mistake(
        "iob2-b-lost",
        "the B between two entities of a type turned into I",
        lambda tags: to_iob2([tag.replace("B-", "I-") for tag in tags]),
    ),
    Mistake(
        "iob2-compares-whole-tags",
        "B wherever the tag differs from the one before, so that B-PER I-PER becomes two",
        _changed(lambda before, tag, better: tag != before),
    ),
    Mistake(
        "iob2-type-cut-at-hyphen",
        "the type cut at its own hyphen: MISC-A becomes MISC",
        lambda tags: to_iob2(["-".join(tag.split("-")[:2]) for tag in tags]),
    ),
)


def _strict(tags: Tags) -> list[Entity]:
    """Entities that begin with B, as seqeval's strict mode has it."""
    return [one for one in schemes.entities_of(tags) if tags[one.first][0] == "B"]


def _read(begins: Callable[[str, str], bool]) -> Callable[[Tags], list[Entity]]:
    """The entities if a new one begins where begins(before, tag) says so, and after O."""

    def entities(tags: Tags) -> list[Entity]:
        found: list[Entity] = []
        for word, (before, tag) in enumerate(zip(["O", *tags], tags, strict=False)):
            if tag == "O":
                continue
            if before == "O" or begins(before, tag):
                found.append(Entity(tag[2:], word, word))
            else:
                found[-1] = found[-1]._replace(last=word)
        return found

    return entities


def _ended_by_o(tags: Tags) -> list[Entity]:
    """What is still open at the end of the sentence is never written down."""
    return [one for one in schemes.entities_of(tags) if one.last < len(tags) - 1]


ENTITIES_MISTAKES = (
    Mistake(
        "entities-end-behind",
        "the word behind the entity as its last: the last word itself is meant",
        lambda tags: [one._replace(last=one.last + 1) for one in schemes.entities_of(tags)],
    ),
    Mistake(
        "entities-grow-together",
        "two entities of a type side by side read as one: B begins a new one",
        _read(lambda before, tag: not _same_type(before, tag)),
    ),
    Mistake(
        "entities-type-ignored",
        "an I of another type read as more of the same entity",
        _read(lambda before, tag: tag[0] == "B"),
    ),
    Mistake(
        "entities-runs",
        "runs of words that are not O, whatever their tags",
        _read(lambda before, tag: False),
    ),
    Mistake(
        "entities-whole-tags",
        "an entity for every change of tag, so that B-PER I-PER becomes two",
        _read(lambda before, tag: tag[0] == "B" or tag != before),
    ),
    Mistake(
        "entities-each-word",
        "an entity for every word that has a tag",
        _read(lambda before, tag: True),
    ),
    Mistake(
        "entities-strict",
        "entities without a B left out: an I that has nothing to go on with begins one",
        _strict,
    ),
    Mistake(
        "entities-last-lost",
        "an entity lost that reaches the end of the sentence",
        _ended_by_o,
    ),
    Mistake(
        "entities-type-cut-at-hyphen",
        "the type cut at its own hyphen: MISC-A becomes MISC",
        lambda tags: [
            one._replace(type=one.type.split("-")[0]) for one in schemes.entities_of(tags)
        ],
    ),
    Mistake(
        "entities-prefix-kept",
        "B- left at the type",
        lambda tags: [one._replace(type=tags[one.first]) for one in schemes.entities_of(tags)],
    ),
    Mistake(
        "entities-counted-from-1",
        "words counted from 1",
        lambda tags: [
            Entity(type, first + 1, last + 1) for type, first, last in schemes.entities_of(tags)
        ],
    ),
)


def _counted(what: Callable[[Tags], set[tuple[object, ...]]]) -> Callable[..., float]:
    """F1 of something else that is counted in each sentence."""

    def share(gold: Sentences, predicted: Sentences) -> float:
        ours, theirs = (list(map(what, sentences)) for sentences in (gold, predicted))
        right = sum(len(one & other) for one, other in zip(ours, theirs, strict=True))
        return 2 * right / max(sum(map(len, ours + theirs)), 1)

    return share


def _tagged(tags: Tags) -> set[tuple[object, ...]]:
    return {pair for pair in enumerate(tags) if pair[1] != "O"}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _of_sentences(gold: Sentences, predicted: Sentences) -> float:
    return _mean([entity_f1([one], [other]) for one, other in zip(gold, predicted, strict=True)])


def _of_types(gold: Sentences, predicted: Sentences) -> float:
    return _mean([one.f1 for one in _figures(gold, predicted)[1:]])


def _figures(gold: Sentences, predicted: Sentences) -> list[scoring.Figures]:
    return scoring.figures(all_entities(gold), all_entities(predicted))


def _without_sentences(gold: Sentences, predicted: Sentences) -> float:
    ours, theirs = (
        {entity for entities in all_entities(sentences) for entity in entities}
        for sentences in (gold, predicted)
    )
    return 2 * len(ours & theirs) / max(len(ours) + len(theirs), 1)


def _divided_by_0(gold: Sentences, predicted: Sentences) -> float:
    counts = _figures(gold, predicted)[0]
    precision, recall = counts.right / counts.predicted, counts.right / counts.gold
    return 2 * precision * recall / (precision + recall)


ENTITY_F1_MISTAKES = (
    Mistake("entity-f1-tokens", "words counted in place of entities", _counted(_tagged)),
    Mistake(
        "entity-f1-accuracy",
        "the share of words whose tag is right: O counts there",
        lambda gold, predicted: scoring.accuracy(gold, predicted),
    ),
    Mistake(
        "entity-f1-of-sentences",
        "the mean over the sentences; count all together",
        _of_sentences,
    ),
    Mistake("entity-f1-of-types", "the mean over the types; count all together", _of_types),
    Mistake(
        "entity-f1-type-ignored",
        "the types left out: an entity of the wrong type is wrong",
        _counted(lambda tags: {one[1:] for one in schemes.entities_of(tags)}),
    ),
    Mistake(
        "entity-f1-first-word",
        "first words and types compared: the last word must be right too",
        _counted(lambda tags: {one[:2] for one in schemes.entities_of(tags)}),
    ),
    Mistake(
        "entity-f1-last-word",
        "last words and types compared: the first word must be right too",
        _counted(lambda tags: {(one.type, one.last) for one in schemes.entities_of(tags)}),
    ),
    Mistake(
        "entity-f1-sentences-mixed",
        "entities of all sentences in one set: the number of the sentence belongs to each",
        _without_sentences,
    ),
    Mistake(
        "entity-f1-strict",
        "entities that begin with I left out: they count too",
        _counted(lambda tags: set(_strict(tags))),
    ),
    Mistake(
        "entity-f1-precision",
        "the precision alone",
        lambda gold, predicted: _figures(gold, predicted)[0].precision,
    ),
    Mistake(
        "entity-f1-recall",
        "the recall alone",
        lambda gold, predicted: _figures(gold, predicted)[0].recall,
    ),
    Mistake(
        "entity-f1-division-by-0",
        "0 / 0 where nothing is found: the score is 0 then",
        _divided_by_0,
    ),
    Mistake(
        "entity-f1-nothing-is-perfect",
        "1 where nothing is there and nothing is found; here that is 0",
        lambda gold, predicted: (
            entity_f1(gold, predicted) if any(map(_tagged, gold + predicted)) else 1.0
        ),
    ),
)

MISTAKES = {
    "label_pieces": LABEL_PIECES_MISTAKES,
    "to_iob2": TO_IOB2_MISTAKES,
    "entities": ENTITIES_MISTAKES,
    "entity_f1": ENTITY_F1_MISTAKES,
}
