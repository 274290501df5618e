"""torch for the spans, regular expressions for the words."""

import re
import string
from collections import Counter

import torch


def window_starts(length, room, stride):
    starts = torch.arange(0, max(length, 1), stride)
    needed = starts - stride + room < length  # the window before did not reach the end
    needed[0] = True
    return starts[needed].tolist()


def best_span(start_logits, end_logits, context_from, max_length):
    starts, ends = start_logits[context_from:], end_logits[context_from:]
    scores = starts.unsqueeze(1) + ends
    ones = torch.ones_like(scores, dtype=torch.bool)
    scores = scores.masked_fill(~(ones.triu() & ones.tril(max_length - 1)), float("-inf"))
    best = (scores == scores.max()).flatten().nonzero()[0].item()
    return best // len(ends) + context_from, best % len(ends) + context_from


def normalise(text):
    text = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower())
    text = re.sub(r"\b(?:the|an?)\b", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def token_f1(prediction, golds):
    def score(gold):
        ours, theirs = Counter(normalise(prediction).split()), Counter(normalise(gold).split())
        if not ours or not theirs:
            return float(ours == theirs)
        common = sum((ours & theirs).values())
        if common == 0:
            return 0.0
        precision, recall = common / sum(ours.values()), common / sum(theirs.values())
        return 2 * precision * recall / (precision + recall)

    return max(map(score, golds)) if golds else score("")


def answer_or_null(span_score, null_scores, threshold):
    odds = torch.tensor(null_scores, dtype=torch.float64).min() - span_score
    return not bool(odds > threshold)
