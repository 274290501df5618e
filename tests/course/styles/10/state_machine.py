"""A generator that keeps what is open; numpy for the counting."""

import numpy as np


def label_pieces(word_ids, labels):
    words = np.array([-1 if word is None else word for word in word_ids])
    first = np.diff(words, prepend=-1) != 0
    table = np.array([*labels, -100])
    return np.where(first & (words >= 0), table[words], -100).tolist()


def _walk(tags):
    open_type = None
    for tag in tags:
        prefix, type = [*tag.split("-", 1), None][:2]
        begins = prefix != "O" and (prefix == "B" or type != open_type)
        open_type = type
        yield begins, type


def to_iob2(tags):
    return [
        "O" if type is None else f"{'B' if begins else 'I'}-{type}" for begins, type in _walk(tags)
    ]


def entities(tags):
    found = []
    for word, (begins, type) in enumerate(_walk(tags)):
        if begins:
            found.append([type, word, word])
        elif type is not None:
            found[-1][2] = word
    return [tuple(entity) for entity in found]


def entity_f1(gold, predicted):
    counts = np.zeros(3)
    for one, other in zip(gold, predicted, strict=True):
        ours, theirs = set(entities(one)), set(entities(other))
        counts += [len(ours & theirs), len(ours), len(theirs)]
    right, there, given = counts
    return 2 * right / (there + given) if right else 0.0
