"""Regular expressions, and slices computed beforehand."""

import re
import string
import unicodedata

import torch
from torch.nn.utils.rnn import pad_sequence

PUNCTUATION = "".join(
    re.escape(chr(code))
    for code in range(0x3100)
    if unicodedata.category(chr(code)).startswith("P") or chr(code) in string.punctuation
)
WORD = re.compile(f"[{PUNCTUATION}]|[\u4e00-\u9fff]|[^\\s{PUNCTUATION}\u4e00-\u9fff]+")


def split_words(text):
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return WORD.findall(bare.lower())


def wordpiece(word, vocabulary):
    if len(word) > 100:
        return ["[UNK]"]
    by_length = sorted(vocabulary, key=len, reverse=True)
    first = [piece for piece in by_length if not piece.startswith("##")]
    later = [piece for piece in by_length if piece.startswith("##")]
    pieces = []
    rest = word
    while rest:
        candidates = later if pieces else first
        piece = next((one for one in candidates if rest.startswith(one.removeprefix("##"))), None)
        if piece is None:
            return ["[UNK]"]
        pieces.append(piece)
        rest = rest[len(piece.removeprefix("##")) :]
    return pieces


def join_pair(first, second, max_length):
    room = max_length - 3
    if len(first) + len(second) > room:
        short = min(len(first), len(second))
        if short <= room // 2:
            if len(first) > len(second):
                first = first[: room - len(second)]
            else:
                second = second[: room - len(first)]
        else:
            first, second = first[: (room + 1) // 2], second[: room // 2]
    tokens = ["[CLS]"] + first + ["[SEP]"] + second + ["[SEP]"]
    types = [int(place > len(first) + 1) for place in range(len(tokens))]
    return tokens, types


def pad(sequences, pad_id=0):
    rows = [torch.tensor(sequence, dtype=torch.long) for sequence in sequences]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask
