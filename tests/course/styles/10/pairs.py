"""Each thing beside the one before it."""

from itertools import pairwise


def label_pieces(word_ids, labels):
    return [
        labels[word] if word is not None and word != before else -100
        for before, word in pairwise([None, *word_ids])
    ]


def _begins(before, tag):
    return tag[0] == "B" or (tag[0] == "I" and before[1:] != tag[1:])


def to_iob2(tags):
    return [
        "B" + tag[1:] if _begins(before, tag) else tag for before, tag in pairwise(["O", *tags])
    ]


def entities(tags):
    clean = [*to_iob2(tags), "O"]
    begins = [i for i, tag in enumerate(clean) if tag[0] == "B"]
    ends = [i for i, (tag, after) in enumerate(pairwise(clean)) if tag != "O" and after[0] != "I"]
    return [[clean[first][2:], first, last] for first, last in zip(begins, ends, strict=True)]


def entity_f1(gold, predicted):
    def numbered(sentences):
        return {(n, *entity) for n, tags in enumerate(sentences) for entity in entities(tags)}

    ours, theirs = numbered(gold), numbered(predicted)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 0.0
