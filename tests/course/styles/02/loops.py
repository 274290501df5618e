"""A loop for every token and every pair."""

import math

import torch


def embed(input_ids, token_type_ids, token_table, position_table, segment_table):
    sequences = []
    for ids, types in zip(input_ids.tolist(), token_type_ids.tolist()):
        vectors = []
        for place, (token, segment) in enumerate(zip(ids, types)):
            vector = token_table[token] + position_table[place]
            vectors.append(vector + segment_table[segment])
        sequences.append(torch.stack(vectors))
    return torch.stack(sequences)


def _cosine(one, other):
    product = sum(a * b for a, b in zip(one, other))
    lengths = math.hypot(*one) * math.hypot(*other)
    return product / lengths if lengths else 0.0


def cosine_similarity(rows):
    numbers = rows.tolist()
    return torch.tensor(
        [[_cosine(one, other) for other in numbers] for one in numbers], dtype=rows.dtype
    )


def neighbours(table, row, count):
    rows = table.tolist()
    others = [other for other in range(len(rows)) if other != row]
    others.sort(key=lambda other: _cosine(rows[row], rows[other]), reverse=True)
    return others[:count]
