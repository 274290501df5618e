"""Functions that call themselves."""

import string
import unicodedata

import torch


def split_words(text):
    text = "".join(
        character
        for character in unicodedata.normalize("NFD", text.lower())
        if unicodedata.category(character) != "Mn"
    )
    return [word for part in text.split() for word in _split(part)]


def _split(part):
    for place, character in enumerate(part):
        if (
            character in string.punctuation
            or unicodedata.category(character).startswith("P")
            or "\u4e00" <= character <= "\u9fff"
        ):
            before = [part[:place]] if place else []
            return before + [character] + _split(part[place + 1 :])
    return [part] if part else []


def wordpiece(word, vocabulary):
    return (_cut(word, vocabulary, "") if len(word) <= 100 else None) or ["[UNK]"]


def _cut(rest, vocabulary, mark):
    for end in range(len(rest), 0, -1):
        if mark + rest[:end] in vocabulary:
            if end == len(rest):
                return [mark + rest]
            after = _cut(rest[end:], vocabulary, "##")
            return after and [mark + rest[:end], *after]
    return None


def join_pair(first, second, max_length):
    if len(first) + len(second) > max_length - 3:
        if len(first) > len(second):
            return join_pair(first[:-1], second, max_length)
        return join_pair(first, second[:-1], max_length)
    left, right = ["[CLS]", *first, "[SEP]"], [*second, "[SEP]"]
    return left + right, [0 for _ in left] + [1 for _ in right]


def pad(sequences, pad_id=0):
    return _fill([list(one) for one in sequences], [[1] * len(one) for one in sequences], pad_id)


def _fill(ids, mask, pad_id):
    longest = max(map(len, ids))
    short = [place for place, row in enumerate(ids) if len(row) < longest]
    if not short:
        return torch.tensor(ids, dtype=torch.int64), torch.tensor(mask, dtype=torch.int64)
    for place in short:
        ids[place].append(pad_id)
        mask[place].append(0)
    return _fill(ids, mask, pad_id)
