"""Chapter 1, Words to numbers.

Copy this file, fill it in, and run: minibert check 01 my_01.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def split_words(text: str) -> list[str]:
    """Cut a text into lower-case words without accents, as BERT's uncased tokenizer does.

    Words are what stands between white space, with two exceptions that are words of their own:
    - every mark of punctuation: all of string.punctuation (so "_" and "$" as well), and every
      character whose Unicode category begins with P, such as “ or …
    - every Chinese character, from U+4E00 to U+9FFF
    An accent is a character of category Mn, once the text is in Unicode's form NFD; all other
    characters stay. There are no empty words.

    >>> split_words("Où est le CAFÉ?")
    ['ou', 'est', 'le', 'cafe', '?']
    >>> split_words("Don't... a snake_case")
    ['don', "'", 't', '.', '.', '.', 'a', 'snake', '_', 'case']
    >>> split_words("北京 2024")
    ['北', '京', '2024']

    4 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    """Cut a word into pieces of the vocabulary, the longest first, from the left.

    Pieces after the first are looked up, and given back, with "##" in front. A word that cannot be
    cut to its end becomes ["[UNK]"] as a whole, and so does one of more than 100 characters.

    >>> vocabulary = {"[UNK]": 0, "un": 1, "u": 2, "##able": 3, "##a": 4, "able": 5}
    >>> wordpiece("unable", vocabulary)
    ['un', '##able']
    >>> wordpiece("able", vocabulary)
    ['able']
    >>> wordpiece("unabled", vocabulary)
    ['[UNK]']

    4 points, difficulty 3 of 5, about 15 minutes.
    """
    raise NotImplementedError


def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    """Two texts as one sequence: [CLS] first [SEP] second [SEP], and the type of each token.

    Type 0 is for [CLS], the first text and its [SEP]; type 1 for the second text and its [SEP].
    While all of it has more than max_length tokens (at least 3), the last token of the longer text
    is dropped, or that of the second if both are equally long. The lists given stay as they are;
    either may be empty.

    >>> join_pair(["is", "it", "a", "cat"], ["no"], 7)
    (['[CLS]', 'is', 'it', 'a', '[SEP]', 'no', '[SEP]'], [0, 0, 0, 0, 0, 1, 1])
    >>> join_pair(["a", "b"], ["c", "d"], 6)
    (['[CLS]', 'a', 'b', '[SEP]', 'c', '[SEP]'], [0, 0, 0, 0, 1, 1])

    3 points, difficulty 2 of 5, about 12 minutes.
    """
    raise NotImplementedError


def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Make a batch of sequences of ids: fill them up on the right, and say what is real.

    sequences: B lists of ids -> ids and mask, both (B, S) and of dtype int64; S is the length of
    the longest. mask is 1 where a token was given, 0 where it was filled up; pad_id itself, and 0,
    may be the ids of real tokens.

    >>> ids, mask = pad([[7, 8, 9], [5]])
    >>> ids
    tensor([[7, 8, 9],
            [5, 0, 0]])
    >>> mask
    tensor([[1, 1, 1],
            [1, 0, 0]])

    2 points, difficulty 1 of 5, about 8 minutes.
    """
    raise NotImplementedError
