"""Chapter 1: words, word pieces, pairs and padding, as `minibert.tokenization` has them done."""

from collections.abc import Sequence

import torch
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Generator, Tensor

from minibert.course.drawing import number, pick, shuffled, whole
from minibert.course.exercise import Exercise, Probe

PAGE = "01_words_to_numbers"

SAMPLES = (
    "Où est le CAFÉ?",
    "Don't panic: it's 3.5%, not 35!",
    "Well... that was quick!?",
    "a snake_case name, #tagged (twice) ~ at $5+",
    "“Curly quotes” and a dash… ¿verdad?",
    "Zoë's naïve façade",
    "北京 is 大 in 2024",
    "Straße, Ωμέγα, Ёлка",
    "e\u0301tude in two code points",
    "ﬁne print m² ½",
    "tabs\tand\nlines\u00a0and  two spaces",
)
# Every word below can be cut in more than one way, or in none.
PIECES = (
    "[UNK] un unp u n ##n ##able ##a ##b ##l ##e play p l a y ##lay ##ay ##y ##ing ##i ##ng ##g "
    "##in ing in ##s ##play able straw ##berry ##rry berry s ##traw st ##raw"
).split()
WORDS = (
    "unable playing unplay unplayable strawberry strawberries play ing plays uxable xplay able"
).split()
TEXT = tuple(
    "the pear tree stands behind a wall that nobody remembers being built ##s ##ing".split()
)


def split_words(text: str) -> list[str]:
    """Lower-case words without accents, punctuation apart: what BERT's uncased tokenizer does."""
    plain = BertNormalizer(lowercase=True).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(plain)]


def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    """The word pieces of a word, longest first from the left; [UNK] if it cannot be cut."""
    return [piece.value for piece in WordPiece(vocabulary, unk_token="[UNK]").tokenize(word)]


def join_pair(
    first: Sequence[str], second: Sequence[str], max_length: int
) -> tuple[list[str], list[int]]:
    """[CLS] first [SEP] second [SEP] and type ids; the longer text is cut, or else the second."""
    return joined(*kept(first, second, max_length))


def kept(
    first: Sequence[str], second: Sequence[str], max_length: int
) -> tuple[list[str], list[str]]:
    """What is left of both texts when there must be room for three special tokens."""
    first, second = list(first), list(second)
    while len(first) + len(second) + 3 > max_length:
        (first if len(first) > len(second) else second).pop()
    return first, second


def joined(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[int]]:
    """A pair with its special tokens, and the type of each token."""
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    return tokens, [0] * (len(first) + 2) + [1] * (len(second) + 1)


def pad(sequences: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """ids and mask, both (B, S) and int64, filled up on the right to the longest sequence."""
    longest = max(map(len, sequences))
    return padded(sequences, pad_id, longest)


def padded(sequences: Sequence[Sequence[int]], pad_id: int, size: int) -> tuple[Tensor, Tensor]:
    """ids and mask of `size` columns."""
    ids = [[*sequence, *[pad_id] * (size - len(sequence))] for sequence in sequences]
    mask = [[1] * len(sequence) + [0] * (size - len(sequence)) for sequence in sequences]
    return torch.tensor(ids, dtype=torch.int64), torch.tensor(mask, dtype=torch.int64)


def split_words_probes(generator: Generator) -> list[Probe]:
    """One sample for each trap, two of them as one text, and nothing."""
    mixed = " ".join(shuffled(generator, SAMPLES)[:2])
    samples = [Probe(f"the text {text!r}", (text,)) for text in SAMPLES]
    return [*samples, Probe("two texts in one", (mixed,)), Probe("an empty text", ("",))]


def wordpiece_probes(generator: Generator) -> list[Probe]:
    """The same words with all pieces, and with some of them missing."""
    everything = {piece: place for place, piece in enumerate(PIECES)}
    some = ["[UNK]", *shuffled(generator, PIECES[1:])[:24]]
    fewer = {piece: place for place, piece in enumerate(some)}
    made = "".join(pick(generator, ("play", "un", "able", "in", "g"), 4))
    return [
        *(Probe(f"the word {word!r}", (word, everything)) for word in (*WORDS, made)),
        *(Probe(f"{word!r}, fewer pieces", (word, fewer)) for word in ("unplayable", "playing")),
        Probe("a word of 101 letters", ("un" + "a" * 99, everything)),
        Probe("a word of 100 letters", ("un" + "a" * 98, everything)),
    ]


def join_pair_probes(generator: Generator) -> list[Probe]:
    """Which text is the longer, and by how much it all is too long."""
    long, short = pick(generator, TEXT, 9), pick(generator, TEXT, 4)
    room = number(generator, 7, 10)
    return [
        Probe("room for all", (long, short, 32)),
        Probe("just enough room", (long, short, 16)),
        Probe("the first is longer", (long, short, 12)),
        Probe("the second is longer", (short, long, 12)),
        Probe("both are cut, an even room", (long, short, 9)),
        Probe("both are cut, an odd room", (long, short, 8)),
        Probe("equally long, an odd room", (short, short[::-1], 10)),
        Probe("any room", (long, short[:3], room)),
        Probe("nothing but special tokens", (long, short, 3)),
        Probe("an empty second text", (short, [], 6)),
    ]


def pad_probes(generator: Generator) -> list[Probe]:
    """A real id that looks like padding, and padding that does not look like 0."""
    ragged = [whole(generator, 1, 99, size).tolist() for size in (3, 5, 2)]
    zero = whole(generator, 1, 99, number(generator, 6, 9)).tolist()
    zero[2] = 0
    return [
        Probe("three lengths", (ragged,)),
        Probe("a longest one of 6 to 8", ([*ragged, zero[:1] + zero[3:], zero],)),
        Probe("a real id that is 0", ([zero, ragged[0]],)),
        Probe("padding with 7, which is also a real id", ([[7, 3], [4, 7, 9, 1]], 7)),
        Probe("one length", ([ragged[0], ragged[0]],)),
        Probe("one of them is empty", ([[], ragged[0]],)),
    ]


EXERCISES = (
    Exercise(
        name="split_words",
        title="Words, lower-case, without accents, punctuation apart",
        points=4,
        difficulty=3,
        minutes=15,
        reference=split_words,
        probes=split_words_probes,
        hints=(
            "`unicodedata.normalize('NFD', text)` writes é as e and an accent; the accents have "
            "the category Mn.",
            "Put a space before and after each mark of punctuation and each Chinese character; "
            "then `split()` does the rest, and leaves no empty words.",
            "Punctuation is string.punctuation and every character whose category begins with P; "
            "the underscore and the dollar are among the first.",
        ),
        page=f"{PAGE}: Before the pieces",
    ),
    Exercise(
        name="wordpiece",
        title="Word pieces, longest first",
        points=4,
        difficulty=3,
        minutes=15,
        reference=wordpiece,
        probes=wordpiece_probes,
        hints=(
            "Keep a `start`. Try `end` from the end of the word downwards, until the piece from "
            "start to end is in the vocabulary; the next piece begins at that end.",
            "After the first piece look up '##' + letters. The mark is part of the piece.",
            "If no end fits, the answer is ['[UNK]'] whatever was found before; so it is for more "
            "than 100 characters.",
        ),
        page=f"{PAGE}: By hand",
    ),
    Exercise(
        name="join_pair",
        title="Two texts in one sequence",
        points=3,
        difficulty=2,
        minutes=12,
        reference=join_pair,
        probes=join_pair_probes,
        hints=(
            "Cut first, join afterwards: so no special token is lost.",
            "While both texts and three special tokens are too long, drop the last token of the "
            "longer text, of the second if they are equally long. Cut copies.",
            "Type 0: [CLS], the first text and its [SEP]. Type 1: the second text and its [SEP].",
        ),
        page=f"{PAGE}: The frame",
    ),
    Exercise(
        name="pad",
        title="A batch with padding and its mask",
        points=2,
        difficulty=1,
        minutes=8,
        reference=pad,
        probes=pad_probes,
        hints=(
            "How long is the longest sequence? Every row gets that length.",
            "The mask follows from the lengths, not from the ids: id 0 may be a real token.",
            "[1] * len(sequence) + [0] * missing, and the same with the ids; torch.tensor of a "
            "list of lists makes int64 of whole numbers.",
        ),
        page=f"{PAGE}: The frame",
    ),
)
