"""Generators, itertools and zip_longest."""

import itertools
import unicodedata

import torch


def _apart(character):
    code = ord(character)
    return (
        33 <= code <= 47
        or 58 <= code <= 64
        or 91 <= code <= 96
        or 123 <= code <= 126
        or unicodedata.category(character)[0] == "P"
        or 0x4E00 <= code <= 0x9FFF
    )


def split_words(text):
    plain = (
        c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn"
    )
    return ["".join(word) for word in _words(plain)]


def _words(characters):
    counter = itertools.count(1)

    def key(character):
        if character.isspace():
            return 0
        if _apart(character):
            return -next(counter)
        return "word"

    for kind, group in itertools.groupby(characters, key):
        if kind != 0:
            yield group


def wordpiece(word, vocabulary):
    def pieces(start):
        while start < len(word):
            candidates = (
                (end, ("##" if start > 0 else "") + word[start:end])
                for end in reversed(range(start + 1, len(word) + 1))
            )
            start, piece = next(
                (pair for pair in candidates if pair[1] in vocabulary), (None, None)
            )
            yield piece
            if piece is None:
                return

    found = list(pieces(0)) if len(word) <= 100 else [None]
    return ["[UNK]"] if None in found else found


def join_pair(first, second, max_length):
    one, two = len(first), len(second)
    for _ in range(max(0, one + two + 3 - max_length)):
        if one > two:
            one -= 1
        else:
            two -= 1
    parts = [(["[CLS]"], 0), (first[:one], 0), (["[SEP]"], 0), (second[:two], 1), (["[SEP]"], 1)]
    pairs = [(token, kind) for tokens, kind in parts for token in tokens]
    return [token for token, _ in pairs], [kind for _, kind in pairs]


def pad(sequences, pad_id=0):
    columns = list(itertools.zip_longest(*sequences))  # None where there is no token
    ids = [[pad_id if token is None else token for token in row] for row in zip(*columns)]
    mask = [[int(token is not None) for token in row] for row in zip(*columns)]
    return torch.tensor(ids), torch.tensor(mask)
