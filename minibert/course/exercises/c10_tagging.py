"""Chapter 10, tagging: word pieces against words, tags against entities, and how they score."""

import torch

from minibert.course.drawing import number, shuffled
from minibert.course.exercise import Exercise, Probe
from minibert.tasks.ner import schemes, scoring
from minibert.tasks.ner.schemes import Entity

Tags = list[str]
PAGE = "10_tagging"


Words = list[int | None]


def label_pieces(word_ids: Words, labels: list[int]) -> list[int | None]:
    """A label for the first piece of each word, -100 for the others."""
    return labelled(word_ids, labels, others=-100, special=-100)


def labelled(
    word_ids: Words, labels: list[int], others: int | None, special: int | None
) -> list[int | None]:
    """The labels of pieces, those after a word's first being `others`: None for the word's own.

    special: of what belongs to no word
    """
    given: list[int | None] = []
    before = None
    for word in word_ids:
        if word is None:
            given.append(special)
        elif word != before or others is None:
            given.append(labels[word])
        else:
            given.append(others)
        before = word
    return given


def _pieces(generator: torch.Generator) -> list[Probe]:
    counts = shuffled(generator, (1, 3, 1, 2, 4))  # pieces of each word
    inner = [word for word, count in enumerate(counts) for _ in range(count)]
    labels = [4, 0, 2, 2, 5]
    return [
        Probe("words of several pieces", ([None, *inner, None], labels)),
        Probe("padding behind", ([None, *inner, None, None, None], labels)),
        Probe("the second window of a text", ([None, 3, 3, 4, None], labels)),
        Probe("a word of one piece", ([None, 0, None], [1])),
        Probe("a text of nothing", ([None, None], [])),
    ]


LABEL_PIECES = Exercise(
    name="label_pieces",
    title="A label for each word, not for each piece",
    points=2,
    difficulty=1,
    minutes=10,
    reference=label_pieces,
    probes=_pieces,
    hints=(
        "Go through word_ids and keep the word of the token before.",
        "The word's label where the word is another than before, -100 where it is the same, and "
        "-100 where it is None. Word 0 is a word: ask `is None`, not `not word`.",
    ),
    page=f"{PAGE}: One word, many pieces, one label",
)


def to_iob2(tags: Tags) -> Tags:
    """The library's reading of the tags, written as IOB2."""
    return schemes.tags_of(schemes.entities_of(tags), len(tags))


def _iob1(generator: torch.Generator) -> list[Probe]:
    one, other, third = shuffled(generator, ("PER", "LOC", "ORG"))
    return [
        Probe("after O", (["O", f"I-{one}", f"I-{one}", "O", f"I-{other}"],)),
        Probe("at the beginning", ([f"I-{one}", f"I-{one}", "O"],)),
        Probe("two of a type", ([f"I-{one}", f"B-{one}", f"I-{one}", "O"],)),
        Probe("two of different types", ([f"I-{one}", f"I-{other}", f"I-{other}", f"I-{third}"],)),
        Probe("three of a type", (["O", f"I-{one}", f"B-{one}", f"B-{one}"],)),
        Probe("a hyphen in the type", (["O", "I-MISC-A", "I-MISC-B", "I-MISC-B"],)),
        Probe("types that end alike", (["I-A", "I-MISC-A", "I-MISC-A", "O"],)),
        Probe("IOB2 already", ([f"B-{one}", f"I-{one}", "O", f"B-{other}", f"B-{other}"],)),
        Probe("nothing but O", (["O", "O"],)),
        Probe("no word", ([],)),
    ]


TO_IOB2 = Exercise(
    name="to_iob2",
    title="Two dialects of one language",
    points=2,
    difficulty=2,
    minutes=15,
    reference=to_iob2,
    probes=_iob1,
    hints=(
        "In IOB2 every entity begins with B. Which I of IOB1 begin one?",
        "An I begins an entity at the start of the sentence, after O, and after a tag of another "
        "type. B and O stay as they are.",
    ),
    page=f"{PAGE}: Tags: B begins, I goes on, O is outside",
)


def _iob2(generator: torch.Generator) -> list[Probe]:
    one, other, _ = shuffled(generator, ("PER", "LOC", "ORG"))
    gap = ["O"] * number(generator, 1, 4)
    return [
        Probe("two apart", ([*gap, f"B-{one}", f"I-{one}", "O", f"B-{other}", "O"],)),
        Probe("up to the last word", ([*gap, f"B-{one}", f"I-{one}", f"I-{one}"],)),
        Probe("two of a type side by side", ([f"B-{one}", f"I-{one}", f"B-{one}", "O"],)),
        Probe("another type without a B", ([f"B-{one}", f"I-{other}", f"I-{other}", *gap],)),
        Probe("I after O", ([*gap, f"I-{one}", f"I-{one}", "O"],)),
        Probe("I after O, of the type before it", ([f"B-{one}", "O", f"I-{one}", "O"],)),
        Probe("a hyphen in the type", (["B-MISC-A", "I-MISC-A", *gap, "B-MISC-B", "O"],)),
        Probe("nothing but O", (gap,)),
        Probe("no word", ([],)),
    ]


ENTITIES = Exercise(
    name="entities",
    title="From tags to entities",
    points=3,
    difficulty=2,
    minutes=15,
    reference=schemes.entities_of,
    probes=_iob2,
    hints=(
        "Go through the tags and keep the entity that is open.",
        "A new one begins with B, with I after O, and with I of another type. O ends what is open, "
        "and so does the end of the sentence.",
        'The type is all behind the first hyphen: tag.partition("-")[2].',
    ),
    page=f"{PAGE}: Sequences that cannot be",
    forbidden=("minibert.tasks.ner.schemes.entities_of",),
)


Sentences = list[Tags]


def all_entities(sentences: Sentences) -> list[list[Entity]]:
    """The entities of each sentence."""
    return [schemes.entities_of(tags) for tags in sentences]


def entity_f1(gold: Sentences, predicted: Sentences) -> float:
    """The library's F1 over the entities of all sentences."""
    return scoring.figures(all_entities(gold), all_entities(predicted))[0].f1


def _tagged_sentences(generator: torch.Generator) -> list[Probe]:
    one, other, third = shuffled(generator, ("PER", "LOC", "ORG"))
    gap = ["O"] * number(generator, 2, 5)
    a, a_, b, b_, c = f"B-{one}", f"I-{one}", f"B-{other}", f"I-{other}", f"B-{third}"
    gold = [[*gap, a, a_, a_, "O", b], [b, b_, "O", a, "O"], ["O", c, *gap], [a, "O", b, "O"]]
    guess = [[*gap, a, a_, "O", "O", b], [b, b_, "O", b, "O"], ["O", "O", *gap], [a, a, b, b_]]
    return [
        Probe("a few sentences", (gold, guess)),
        Probe("the same with guess and gold exchanged", (guess, gold)),
        Probe("an entity guessed from its second word on", ([[a, a_, "O", b]], [["O", a, "O", b]])),
        Probe(
            "the same entity in another sentence", ([[a, "O"], ["O", "O"]], [["O", "O"], [a, "O"]])
        ),
        Probe("the same place in two sentences", ([[a, "O"], [a, "O"]], [[a, "O"], ["O", "O"]])),
        Probe("I in place of B", ([["O", a, a_, "O"]], [["O", a_, a_, "O"]])),
        Probe("a guess without entities", (gold, [["O"] * len(tags) for tags in gold])),
        Probe("sentences without entities", ([["O", "O"]], [["O", "O"]])),
        Probe("a guess equal to the gold", (gold, gold)),
    ]


ENTITY_F1 = Exercise(
    name="entity_f1",
    title="Entities found, entities missed",
    points=2,
    difficulty=2,
    minutes=15,
    reference=entity_f1,
    probes=_tagged_sentences,
    hints=(
        "Let `entities` read every sentence. An entity is right if type, first and last word are.",
        "Count over all sentences together: those that are right, all of gold, all predicted.",
        "2 * right / (gold + predicted), and 0 if there is none of either.",
    ),
    page=f"{PAGE}: Why accuracy flatters",
    forbidden=("minibert.tasks.ner.scoring.figures",),
)

EXERCISES = (LABEL_PIECES, TO_IOB2, ENTITIES, ENTITY_F1)
