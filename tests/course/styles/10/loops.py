"""Plain loops with flags."""


def label_pieces(word_ids, labels):
    result, seen = [], []
    for word in word_ids:
        if word is None:
            result.append(-100)
        elif word in seen:
            result.append(-100)
        else:
            seen.append(word)
            result.append(labels[word])
    return result


def to_iob2(tags):
    result = []
    for i in range(len(tags)):
        tag = tags[i]
        after_same_type = i > 0 and tags[i - 1] != "O" and tags[i - 1][2:] == tag[2:]
        if tag.startswith("I-") and not after_same_type:
            tag = "B-" + tag[2:]
        result.append(tag)
    return result


def entities(tags):
    found, start = [], None
    for i, tag in enumerate(tags):
        if start is not None and (tag[0] in "OB" or tag[2:] != tags[start][2:]):
            found.append((tags[start][2:], start, i - 1))
            start = None
        if tag != "O" and start is None:
            start = i
    if start is not None:
        found.append((tags[start][2:], start, len(tags) - 1))
    return found


def entity_f1(gold, predicted):
    right, there, given = 0, 0, 0
    for i in range(len(gold)):
        ours, theirs = entities(gold[i]), entities(predicted[i])
        there, given = there + len(ours), given + len(theirs)
        for entity in theirs:
            if entity in ours:
                right += 1
    precision = right / given if given else 0.0
    recall = right / there if there else 0.0
    return 2 * precision * recall / (precision + recall) if right else 0.0
