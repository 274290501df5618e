"""Chapter 1, Words to numbers: model answers."""

import string
import unicodedata

import torch
from torch import Tensor


def split_words(text: str) -> list[str]:
    spaced = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn":
            continue
        stands_alone = (
            character in string.punctuation
            or category.startswith("P")
            or "\u4e00" <= character <= "\u9fff"
        )
        spaced += f" {character} " if stands_alone else character
    return spaced.split()


def wordpiece(word: str, vocabulary: dict[str, int]) -> list[str]:
    if len(word) > 100:
        return ["[UNK]"]
    pieces = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            if mark + word[start:end] in vocabulary:
                pieces.append(mark + word[start:end])
                start = end
                break
        else:  # no end was right
            return ["[UNK]"]
    return pieces


def join_pair(first: list[str], second: list[str], max_length: int) -> tuple[list[str], list[int]]:
    first, second = list(first), list(second)
    while len(first) + len(second) + 3 > max_length:
        longer = first if len(first) > len(second) else second
        longer.pop()
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    types = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    return tokens, types


def pad(sequences: list[list[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), pad_id)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask
