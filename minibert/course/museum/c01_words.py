"""What goes wrong in chapter 1: the mistakes that people make in its exercises."""

import re
import string
import unicodedata
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor

from minibert.course.exercise import Mistake
from minibert.course.exercises.c01_words import (
    join_pair,
    joined,
    kept,
    pad,
    padded,
    split_words,
    wordpiece,
)

# Wrong ways to cut words ------------------------------------------------------


def no_accents(text: str, form: Literal["NFD", "NFKD"] = "NFD") -> str:
    """Lower-case, with accents removed in one of Unicode's decomposed forms."""
    letters = unicodedata.normalize(form, text.lower())
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def ascii_only(text: str) -> str:
    """What is left of a text after `encode("ascii", "ignore")`."""
    return text.encode("ascii", "ignore").decode()


def is_punctuation(character: str) -> bool:
    """What Unicode calls punctuation, which $ and + are not."""
    return unicodedata.category(character).startswith("P")


def set_apart(text: str, alone: Callable[[str], bool]) -> list[str]:
    """Words, if those that stand alone are Chinese characters and what `alone` says."""
    return "".join(
        f" {one} " if alone(one) or "\u4e00" <= one <= "\u9fff" else one for one in no_accents(text)
    ).split()


def words_before_lowering(text: str) -> list[str]:
    """Right words, but each with its own case."""
    plain = BertNormalizer(lowercase=False, strip_accents=True).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(plain)]


def words_with_accents(text: str) -> list[str]:
    """Right words, with their accents."""
    plain = BertNormalizer(lowercase=True, strip_accents=False).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(plain)]


def words_without_characters(text: str) -> list[str]:
    """Chinese characters are taken for letters."""
    plain = BertNormalizer(lowercase=True, handle_chinese_chars=False).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(plain)]


SPLIT_WORDS_MISTAKES = (
    Mistake("split-keeps-case", "capitals kept", words_before_lowering),
    Mistake("split-keeps-accents", "accents kept", words_with_accents),
    Mistake(
        "split-at-spaces-only",
        "cuts at spaces only: punctuation stays glued to its word",
        lambda text: no_accents(text).split(),
    ),
    Mistake(
        "split-drops-punctuation",
        "punctuation thrown away",
        lambda text: re.findall(r"\w+", no_accents(text)),
    ),
    Mistake(
        "split-runs-of-punctuation",
        "several marks in a row as one word: each is a word of its own",
        lambda text: re.findall(r"\w+|[^\w\s]+", no_accents(text)),
    ),
    Mistake(
        "split-underscore-is-a-letter",
        "the underscore inside words: \\w holds it, but it is punctuation (and Chinese "
        "characters stand apart)",
        lambda text: re.findall(r"\w+|[^\w\s]", no_accents(text)),
    ),
    Mistake(
        "split-ascii-punctuation",
        "only the punctuation of ASCII set apart: “ … ¿ are punctuation, too",
        lambda text: set_apart(text, string.punctuation.__contains__),
    ),
    Mistake(
        "split-symbols-glued",
        "only the categories P set apart: $ + < = > ^ ` | ~ are symbols to Unicode, but BERT takes "
        "all of string.punctuation",
        lambda text: set_apart(text, is_punctuation),
    ),
    Mistake(
        "split-apostrophe-inside",
        "the apostrophe kept inside words: it is punctuation like any other",
        lambda text: re.sub(r"(?<=\w) ' (?=\w)", "'", " ".join(split_words(text))).split(),
    ),
    Mistake("split-chinese-together", "Chinese characters run together", words_without_characters),
    Mistake(
        "split-drops-accented-letters",
        "letters with accents thrown away whole",
        lambda text: split_words(ascii_only(text)),
    ),
    Mistake(
        "split-ascii-after-decomposing",
        "all letters thrown away that are not ASCII, not the accents alone",
        lambda text: split_words(ascii_only(unicodedata.normalize("NFD", text))),
    ),
    Mistake(
        "split-compatibility-form",
        "the form NFKD instead of NFD: it rewrites ligatures and small figures as well",
        lambda text: split_words(no_accents(text, "NFKD")),
    ),
    Mistake(
        "split-single-spaces",
        "empty words between two spaces, as split(' ') leaves them",
        lambda text: " ".join(split_words(text)).split(" ") if text else [""],
    ),
)


# Wrong ways to cut pieces -----------------------------------------------------


class Rules(NamedTuple):
    """How `cut` departs from the right way."""

    shortest: bool = False
    first_mark: str = ""  # before the piece at the start of the word
    later_mark: str = "##"  # before pieces to look up
    shown_mark: str = ""  # before later pieces, written but not looked up
    on_unknown: str = "whole"  # or "rest", "letter", "drop", "stop"
    longest: int = 100


def cut(word: str, vocabulary: dict[str, int], rules: Rules) -> list[str]:
    """Pieces from the left, by those rules."""
    if len(word) > rules.longest:
        return ["[UNK]"]
    pieces: list[str] = []
    start = 0
    while start < len(word):
        mark = rules.later_mark if start else rules.first_mark
        ends = range(start + 1, len(word) + 1)
        fitting = [end for end in ends if mark + word[start:end] in vocabulary]
        if fitting:
            end = min(fitting) if rules.shortest else max(fitting)
            pieces.append((rules.shown_mark if start else "") + mark + word[start:end])
            start = end
        elif rules.on_unknown == "whole":
            return ["[UNK]"]
        elif rules.on_unknown == "letter":
            pieces.append("[UNK]")
            start += 1
        else:
            return pieces + ["[UNK]"] * (rules.on_unknown == "rest")
    return pieces


def cut_from_the_right(word: str, vocabulary: dict[str, int]) -> list[str]:
    """The longest piece that ends the word, then what stands before it."""
    pieces: list[str] = []
    while word:
        for start in range(len(word)):
            piece = ("##" if start else "") + word[start:]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.insert(0, piece)
        word = word[:start]
    return pieces


WORDPIECE_MISTAKES = (
    Mistake(
        "pieces-shortest-first",
        "the shortest piece that fits, not the longest",
        lambda word, vocabulary: cut(word, vocabulary, Rules(shortest=True)),
    ),
    Mistake(
        "pieces-without-marks",
        "no ## before later pieces: they are other entries of the vocabulary",
        lambda word, vocabulary: cut(word, vocabulary, Rules(later_mark="")),
    ),
    Mistake(
        "pieces-marked-but-not-looked-up",
        "## written before later pieces that were looked up without it",
        lambda word, vocabulary: cut(word, vocabulary, Rules(later_mark="", shown_mark="##")),
    ),
    Mistake(
        "pieces-first-marked",
        "## before the first piece as well",
        lambda word, vocabulary: cut(word, vocabulary, Rules(first_mark="##")),
    ),
    Mistake(
        "pieces-marks-twice",
        "## written before a piece that has it already",
        lambda word, vocabulary: cut(word, vocabulary, Rules(shown_mark="##")),
    ),
    Mistake(
        "pieces-rest-unknown",
        "[UNK] for the rest of a word: the whole word becomes [UNK]",
        lambda word, vocabulary: cut(word, vocabulary, Rules(on_unknown="rest")),
    ),
    Mistake(
        "pieces-letter-unknown",
        "[UNK] for one letter, and the cutting goes on after it",
        lambda word, vocabulary: cut(word, vocabulary, Rules(on_unknown="letter")),
    ),
    Mistake(
        "pieces-rest-dropped",
        "the rest of a word dropped where no piece fits",
        lambda word, vocabulary: cut(word, vocabulary, Rules(on_unknown="drop")),
    ),
    Mistake(
        "pieces-no-longest-word",
        "no limit of 100 characters",
        lambda word, vocabulary: cut(word, vocabulary, Rules(longest=10**6)),
    ),
    Mistake(
        "pieces-limit-too-small",
        "a word of just 100 characters refused: only longer ones are",
        lambda word, vocabulary: cut(word, vocabulary, Rules(longest=99)),
    ),
    Mistake(
        "pieces-whole-words-only",
        "[UNK] for every word that is not in the vocabulary as it stands",
        lambda word, vocabulary: [word if word in vocabulary else "[UNK]"],
    ),
    Mistake("pieces-from-the-right", "the longest piece from the right end", cut_from_the_right),
    Mistake(
        "pieces-as-numbers",
        "the pieces' numbers: the pieces themselves are asked for",
        lambda word, vocabulary: [vocabulary[piece] for piece in wordpiece(word, vocabulary)],
    ),
)


# Wrong ways to join and to pad ------------------------------------------------

Pair = tuple[list[str], list[int]]


def cut_second(first: list[str], second: list[str], max_length: int) -> Pair:
    """Only the second text gives way."""
    return joined(first, second[: max(0, max_length - 3 - len(first))])


def cut_halves(first: list[str], second: list[str], max_length: int) -> Pair:
    """Each text gets half of the room, needed or not."""
    room = max_length - 3
    return joined(first[: room - room // 2], second[: room // 2])


def cut_in_turn(first: list[str], second: list[str], max_length: int) -> Pair:
    """A token from the end of each in turn, however long they are."""
    first, second = list(first), list(second)
    while len(first) + len(second) + 3 > max_length:
        for text in (first, second):
            if text and len(first) + len(second) + 3 > max_length:
                text.pop()
    return joined(first, second)


def cut_in_place(first: list[str], second: list[str], max_length: int) -> Pair:
    """Right, but the caller's lists are cut."""
    first[:], second[:] = kept(first, second, max_length)
    return joined(first, second)


def cut_first_of_equals(first: list[str], second: list[str], max_length: int) -> Pair:
    """Of two equally long texts the first gives way."""
    second, first = kept(second, first, max_length)
    return joined(first, second)


def cut_from_the_front(first: list[str], second: list[str], max_length: int) -> Pair:
    """As many tokens as are right, but the last ones of each text."""
    sizes = map(len, kept(first, second, max_length))
    return joined(
        *(text[len(text) - size :] for text, size in zip((first, second), sizes, strict=True))
    )


def cut_after_joining(first: list[str], second: list[str], max_length: int) -> Pair:
    """Everything joined, and the first max_length tokens of it."""
    tokens, types = joined(first, second)
    return tokens[:max_length], types[:max_length]


def cut_after_joining_but_last(first: list[str], second: list[str], max_length: int) -> Pair:
    """The same, with [SEP] for the last of them."""
    tokens, types = cut_after_joining(first, second, max_length)
    return [*tokens[:-1], "[SEP]"], types


def typed(types: Callable[[int, int], list[int]]) -> Callable[[list[str], list[str], int], Pair]:
    """Right tokens, with the types that `types` gives for so many tokens in each text."""

    def join(first: list[str], second: list[str], max_length: int) -> Pair:
        first, second = kept(first, second, max_length)
        return joined(first, second)[0], types(len(first), len(second))

    return join


JOIN_PAIR_MISTAKES = (
    Mistake("pair-only-second-cut", "only the second text cut, however long the first", cut_second),
    Mistake(
        "pair-last-separator-lost",
        "a cut after joining: the last [SEP] is lost",
        cut_after_joining,
    ),
    Mistake(
        "pair-special-tokens-not-counted",
        "max_length for the texts alone: [CLS] and two [SEP] need room as well",
        lambda first, second, max_length: join_pair(first, second, max_length + 3),
    ),
    Mistake(
        "pair-one-separator-not-counted",
        "room for two special tokens: there are three",
        lambda first, second, max_length: join_pair(first, second, max_length + 1),
    ),
    Mistake(
        "pair-never-cut",
        "nothing cut at all",
        lambda first, second, max_length: joined(first, second),
    ),
    Mistake(
        "pair-separator-put-back",
        "a cut after joining, with [SEP] in the last place: the first text may lose its own",
        cut_after_joining_but_last,
    ),
    Mistake(
        "pair-types-not-cut",
        "types for the texts as they were before the cut",
        lambda first, second, max_length: (
            join_pair(first, second, max_length)[0],
            joined(first, second)[1],
        ),
    ),
    Mistake("pair-halves", "half of the room for each text, needed or not", cut_halves),
    Mistake("pair-cut-in-turn", "a token cut from each text in turn", cut_in_turn),
    Mistake(
        "pair-tie-cuts-first",
        "the first text cut where both are equally long",
        cut_first_of_equals,
    ),
    Mistake(
        "pair-cut-from-the-front", "tokens dropped from the front of a text", cut_from_the_front
    ),
    Mistake("pair-caller-s-lists-cut", "the caller's own lists shortened", cut_in_place),
    Mistake(
        "pair-last-separator-type-0",
        "type 0 for the last [SEP]: it belongs to the second text",
        typed(lambda first, second: [0] * (first + 2) + [1] * second + [0]),
    ),
    Mistake(
        "pair-first-separator-type-1",
        "type 1 for the first [SEP]: it belongs to the first text",
        typed(lambda first, second: [0] * (first + 1) + [1] * (second + 2)),
    ),
    Mistake(
        "pair-types-all-0",
        "type 0 throughout",
        typed(lambda first, second: [0] * (first + second + 3)),
    ),
    Mistake(
        "pair-types-from-1",
        "types 1 and 2: they count from 0",
        typed(lambda first, second: [1] * (first + 2) + [2] * (second + 1)),
    ),
    Mistake(
        "pair-without-class",
        "no [CLS] in front",
        lambda first, second, max_length: tuple(
            part[1:] for part in join_pair(first, second, max_length)
        ),
    ),
    Mistake(
        "pair-one-separator",
        "no [SEP] at the end",
        lambda first, second, max_length: tuple(
            part[:-1] for part in join_pair(first, second, max_length)
        ),
    ),
)


def padded_left(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Right, but mirrored."""
    ids, mask = pad([sequence[::-1] for sequence in sequences], pad_id)
    return ids.flip(-1), mask.flip(-1)


def padded_and_masked(
    mask_of: Callable[[Tensor, int], Tensor],
) -> Callable[[list[list[int]], int], tuple[Tensor, Tensor]]:
    """Right ids, with a mask that is made of the ids and the padding's id."""

    def wrong(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
        ids, _ = pad(sequences, pad_id)
        return ids, mask_of(ids, pad_id)

    return wrong


def padded_and_remasked(
    change: Callable[[Tensor], Tensor],
) -> Callable[[list[list[int]], int], tuple[Tensor, Tensor]]:
    """Right ids, with the right mask changed."""

    def wrong(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
        ids, mask = pad(sequences, pad_id)
        return ids, change(mask)

    return wrong


PAD_MISTAKES = (
    Mistake("pad-on-the-left", "padding in front", padded_left),
    Mistake(
        "pad-mask-inverted",
        "the mask inverted: 1 stands for a real token",
        padded_and_remasked(lambda mask: 1 - mask),
    ),
    Mistake(
        "pad-mask-all-ones",
        "a mask of ones only",
        padded_and_remasked(torch.ones_like),
    ),
    Mistake(
        "pad-mask-from-zeros",
        "the mask 0 wherever the id is 0: a real token may have that id, and padding another",
        padded_and_masked(lambda ids, pad_id: (ids != 0).long()),
    ),
    Mistake(
        "pad-mask-from-padding-id",
        "the mask 0 wherever the id is that of padding: a real token may have it, too",
        padded_and_masked(lambda ids, pad_id: (ids != pad_id).long()),
    ),
    Mistake(
        "pad-mask-of-booleans",
        "a mask of True and False: 1 and 0, as int64, are asked for",
        padded_and_remasked(Tensor.bool),
    ),
    Mistake(
        "pad-mask-of-floats",
        "a mask of floating-point numbers: int64 is asked for",
        padded_and_remasked(Tensor.float),
    ),
    Mistake(
        "pad-with-0",
        "padding with 0, whatever pad_id is",
        lambda sequences, pad_id=0: pad(sequences),
    ),
    Mistake(
        "pad-with-1",
        "padding with 1: BERT's padding has another id",
        lambda sequences, pad_id=0: pad(sequences, 1),
    ),
    Mistake(
        "pad-to-512",
        "512 columns: the longest sequence of the batch is enough",
        lambda sequences, pad_id=0: padded(sequences, pad_id, 512),
    ),
    Mistake(
        "pad-one-too-many",
        "a column more than the longest sequence needs",
        lambda sequences, pad_id=0: padded(sequences, pad_id, 1 + max(map(len, sequences))),
    ),
    Mistake(
        "pad-cut-to-shortest",
        "all cut to the shortest sequence, as zip does",
        lambda sequences, pad_id=0: pad(
            [sequence[: min(map(len, sequences))] for sequence in sequences], pad_id
        ),
    ),
    Mistake(
        "pad-to-first",
        "all brought to the length of the first sequence",
        lambda sequences, pad_id=0: padded(
            [sequence[: len(sequences[0])] for sequence in sequences], pad_id, len(sequences[0])
        ),
    ),
    Mistake(
        "pad-ids-of-32-bits",
        "ids of int32: int64 is asked for",
        lambda sequences, pad_id=0: tuple(part.int() for part in pad(sequences, pad_id)),
    ),
)

MISTAKES = {
    "split_words": SPLIT_WORDS_MISTAKES,
    "wordpiece": WORDPIECE_MISTAKES,
    "join_pair": JOIN_PAIR_MISTAKES,
    "pad": PAD_MISTAKES,
}
