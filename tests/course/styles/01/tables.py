"""str.translate, dictionaries and numpy."""

import sys
import unicodedata

import numpy as np
import torch

TABLE = {}
for code in range(sys.maxunicode + 1):
    character = chr(code)
    kind = unicodedata.category(character)
    if kind == "Mn":
        TABLE[code] = None
    elif kind[0] == "P" or character in "$+<=>^`|~" or 0x4E00 <= code <= 0x9FFF:
        TABLE[code] = f" {character} "


def split_words(text):
    return unicodedata.normalize("NFD", text.lower()).translate(TABLE).split()


def wordpiece(word, vocabulary):
    longest = max(map(len, vocabulary))
    pieces = {0: []}  # what leads to each place that is reached
    place = 0
    while place < len(word) and len(word) <= 100:
        ends = [
            end
            for end in range(place + 1, min(len(word), place + longest) + 1)
            if ("##" * bool(place) + word[place:end]) in vocabulary
        ]
        if not ends:
            break
        pieces[ends[-1]] = pieces[place] + ["##" * bool(place) + word[place : ends[-1]]]
        place = ends[-1]
    return pieces.get(len(word), ["[UNK]"])


def join_pair(first, second, max_length):
    best = max(
        (
            (one, two)
            for one in range(len(first) + 1)
            for two in range(len(second) + 1)
            if one + two + 3 <= max_length
        ),
        # all the room there is, shared as evenly as can be, the odd one for the first text
        key=lambda sizes: (sum(sizes), min(sizes), sizes[0]),
    )
    sizes = np.array([best[0] + 2, best[1] + 1])
    tokens = ["[CLS]", *first[: best[0]], "[SEP]", *second[: best[1]], "[SEP]"]
    return tokens, np.repeat([0, 1], sizes).tolist()


def pad(sequences, pad_id=0):
    lengths = np.array([len(sequence) for sequence in sequences])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = np.concatenate([np.array(sequence, dtype=np.int64) for sequence in sequences])
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
