"""itertools.groupby: runs of what belongs together."""

from collections import Counter
from itertools import accumulate, groupby


def label_pieces(word_ids, labels):
    result = []
    for word, pieces in groupby(word_ids):
        count = len(list(pieces))
        if word is None:
            result += [-100] * count
        else:
            result += [labels[word]] + [-100] * (count - 1)
    return result


def to_iob2(tags):
    result = []
    for type, run in groupby(tags, key=lambda tag: tag[2:]):
        for place, tag in enumerate(run):
            result.append("B-" + type if type and place == 0 else tag)
    return result


def entities(tags):
    clean = to_iob2(tags)
    numbers = accumulate(tag[0] == "B" for tag in clean)
    found = []
    marked = [(n, i, tag) for n, i, tag in zip(numbers, range(len(tags)), clean, strict=True)]
    for _, run in groupby((one for one in marked if one[2] != "O"), key=lambda one: one[0]):
        run = list(run)
        found.append((run[0][2][2:], run[0][1], run[-1][1]))
    return found


def entity_f1(gold, predicted):
    ours = Counter((n, e) for n, tags in enumerate(gold) for e in entities(tags))
    theirs = Counter((n, e) for n, tags in enumerate(predicted) for e in entities(tags))
    both, total = (ours & theirs).total(), ours.total() + theirs.total()
    return 2 * both / max(total, 1)
