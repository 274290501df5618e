"""Regular expressions over a line of letters."""

import re


def label_pieces(word_ids, labels):
    first = {}
    for place, word in enumerate(word_ids):
        first.setdefault(word, place)
    first.pop(None, None)
    result = [-100] * len(word_ids)
    for word, place in first.items():
        result[place] = labels[word]
    return result


def to_iob2(tags):
    line = "\n".join(["O", *tags, ""])
    changed = 1
    while changed:  # what has been looked at is not looked at again in the same pass
        line, first = re.subn(r"^(O\n)I-", r"\1B-", line, flags=re.MULTILINE)
        line, second = re.subn(r"^([BI]-(.*)\n)I-(?!\2\n)", r"\1B-", line, flags=re.MULTILINE)
        changed = first + second
    return line.split("\n")[1:-1]


def entities(tags):
    clean = to_iob2(tags)
    letters = "".join(tag[0] for tag in clean)
    return [
        (clean[match.start()][2:], match.start(), match.end() - 1)
        for match in re.finditer("BI*", letters)
    ]


def entity_f1(gold, predicted):
    right = total = 0.0
    for one, other in zip(gold, predicted, strict=True):
        ours, theirs = entities(one), entities(other)
        right += sum(entity in theirs for entity in ours)
        total += len(ours + theirs)
    return right / (total / 2) if total else 0.0
