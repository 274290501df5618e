"""Generators, sorting and itertools."""

import string
from collections import Counter
from itertools import count, product, takewhile


def window_starts(length, room, stride):
    return [0, *takewhile(lambda start: start - stride + room < length, count(stride, stride))]


def best_span(start_logits, end_logits, context_from, max_length):
    places = range(context_from, len(start_logits))
    spans = [
        (-(start_logits[s].double() + end_logits[e].double()).item(), s, e)
        for s, e in product(places, places)
        if 0 <= e - s < max_length
    ]
    return min(spans)[1:]


def normalise(text):
    bare = "".join(filter(lambda c: c not in set(string.punctuation), text.lower()))
    return " ".join(filter(lambda word: word not in {"a", "an", "the"}, bare.split()))


def token_f1(prediction, golds):
    given = Counter(normalise(prediction).split())

    def share(gold):
        wanted = Counter(normalise(gold).split())
        if not (given and wanted):
            return 1.0 if given == wanted else 0.0
        return 2 * sum(min(given[w], wanted[w]) for w in given) / (given + wanted).total()

    return max(share(gold) for gold in (golds or ("",)))


def answer_or_null(span_score, null_scores, threshold):
    return any(score - span_score <= threshold for score in null_scores)
