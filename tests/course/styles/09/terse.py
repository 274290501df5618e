"""As short as it goes."""

import re
from collections import Counter
from string import punctuation


def window_starts(length, room, stride):
    return [*range(0, max(length - room, 0) + stride, stride)]


def best_span(s, e, first, longest):
    spans = [(i, j) for i in range(first, len(s)) for j in range(i, min(i + longest, len(e)))]
    return list(max(spans, key=lambda span: s[span[0]].item() + e[span[1]].item()))


def normalise(text):
    drop = dict.fromkeys(map(ord, punctuation))
    return " ".join(re.sub(r"\b(an|a|the)\b", "", text.lower().translate(drop)).split())


def token_f1(prediction, golds):
    p, *g = (Counter(normalise(t).split()) for t in (prediction, *(golds or [""])))
    return max(2 * (p & q).total() / (p + q).total() if p or q else 1.0 for q in g)


def answer_or_null(span_score, null_scores, threshold):
    return min(null_scores) <= span_score + threshold
