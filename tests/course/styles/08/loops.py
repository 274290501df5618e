"""Python's loops and plain counters."""

import torch


def f1(predictions, labels):
    found = guessed = there = 0
    for i in range(len(labels)):
        if predictions[i] == 1:
            guessed += 1
        if labels[i] == 1:
            there += 1
        if predictions[i] == 1 and labels[i] == 1:
            found += 1
    precision = found / guessed if guessed > 0 else 0
    recall = found / there if there > 0 else 0
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def matthews(predictions, labels):
    tp = tn = fp = fn = 0
    for guess, truth in zip(predictions, labels, strict=True):
        if guess and truth:
            tp += 1
        elif guess:
            fp += 1
        elif truth:
            fn += 1
        else:
            tn += 1
    product = 1
    for side in (tp + fp, tp + fn, tn + fp, tn + fn):
        if side == 0:
            return 0.0
        product *= side
    return (tp * tn - fp * fn) / product**0.5


def pearson(x, y):
    n, sx, sy, sxx, syy, sxy = len(x), 0, 0, 0, 0, 0
    if n < 2 or len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    for a, b in zip(x, y, strict=True):
        sx, sy = sx + a, sy + b
        sxx, syy, sxy = sxx + a * a, syy + b * b, sxy + a * b
    return (n * sxy - sx * sy) / ((n * sxx - sx * sx) * (n * syy - sy * sy)) ** 0.5


def segment_ids(first_length, second_length):
    tokens = ["[CLS]"] + ["a"] * first_length + ["[SEP]"]
    if second_length > 0:
        tokens += ["b"] * second_length + ["[SEP]"]
    ids, segment = [], 0
    for token in tokens:
        ids.append(segment)
        if token == "[SEP]":
            segment += 1
    return ids


def regression_loss(logits, scores):
    total = torch.zeros((), dtype=logits.dtype)
    for logit, score in zip(logits, scores, strict=True):
        total = total + (logit[0] - score) ** 2
    return total / len(scores)
