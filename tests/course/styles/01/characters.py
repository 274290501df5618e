"""One character, one token, one cell at a time."""

import unicodedata
from collections import deque

import torch


def split_words(text):
    words = []
    current = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn":
            pass
        elif character.isspace():
            if current:
                words.append(current)
            current = ""
        elif (
            category[0] == "P"
            or (character.isascii() and category[0] == "S")
            or 0x4E00 <= ord(character) <= 0x9FFF
        ):
            if current:
                words.append(current)
            current = ""
            words.append(character)
        else:
            current += character
    if current:
        words.append(current)
    return words


def wordpiece(word, vocabulary):
    rest = word
    back = ""
    pieces = []
    while rest:
        if len(word) > 100:
            return ["[UNK]"]
        piece = rest if not pieces else "##" + rest
        if piece in vocabulary:
            pieces.append(piece)
            rest, back = back, ""
        else:
            rest, back = rest[:-1], rest[-1] + back
            if not rest:
                return ["[UNK]"]
    return pieces


def join_pair(first, second, max_length):
    one, two = deque(first), deque(second)
    over = len(one) + len(two) + 3 - max_length
    while over > 0:
        if len(two) >= len(one):
            two.pop()
        else:
            one.pop()
        over -= 1
    tokens, types = [], []
    for token in ("[CLS]", *one, "[SEP]"):
        tokens.append(token)
        types.append(0)
    for token in (*two, "[SEP]"):
        tokens.append(token)
        types.append(1)
    return (tokens, types)


def pad(sequences, pad_id=0):
    columns = 0
    for sequence in sequences:
        columns = max(columns, len(sequence))
    ids = torch.zeros(len(sequences), columns, dtype=torch.int64)
    mask = torch.zeros(len(sequences), columns, dtype=torch.int64)
    for row in range(len(sequences)):
        for column in range(columns):
            if column < len(sequences[row]):
                ids[row, column] = sequences[row][column]
                mask[row, column] = 1
            else:
                ids[row, column] = pad_id
    return ids, mask
