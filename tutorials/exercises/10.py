"""Chapter 10, Tagging.

Copy this file, fill it in, and run: minibert check 10 my_10.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""


def label_pieces(word_ids: list[int | None], labels: list[int]) -> list[int]:
    """A label for every token: the word's label on its first word piece, -100 everywhere else.

    word_ids: for every token the number of its word, None for [CLS], [SEP] and padding. A window
    that begins later in the text begins with another word than 0. labels: of the words.

    >>> label_pieces([None, 0, 1, 1, 2, None], [3, 5, 0])
    [-100, 3, 5, -100, 0, -100]

    2 points, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError


def to_iob2(tags: list[str]) -> list[str]:
    """Tags in IOB1 turned into IOB2.

    In IOB1 an entity begins with I, and with B only if another one of the same type stands right
    before it. In IOB2 every entity begins with B. So an I becomes B at the start of the sentence,
    after O, and after a tag of another type. All other tags stay, also where they are IOB2 already.

    tags: O, or B- or I- with a type behind it, which may have a hyphen of its own.

    >>> to_iob2(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-ORG"])
    ['B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC', 'B-ORG']

    2 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError


def entities(tags: list[str]) -> list[tuple[str, int, int]]:
    """The entities of a sentence: type, number of the first word, number of the last word.

    A new one begins with B, and also with an I that has nothing to go on with: at the start of the
    sentence, after O, and after a tag of another type.

    tags: O, or B- or I- with a type behind it, which may have a hyphen of its own.

    >>> entities(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"])
    [('PER', 0, 1), ('LOC', 3, 3), ('LOC', 4, 4)]
    >>> entities(["I-PER", "I-LOC"])
    [('PER', 0, 0), ('LOC', 1, 1)]

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError


def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    """F1 of entities: 2 * right / (entities of gold + entities predicted), 0 if there are none.

    An entity is right if the same sentence has it in gold, of the same type, with the same first
    and last word. All sentences are counted together. Read their tags as `entities` does.

    gold, predicted: tags of sentences, as many and as long as each other.

    >>> entity_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    0.5

    2 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError
