"""Chapter 9, Questions and answers: model answers."""

import re
import string
from collections import Counter

from torch import Tensor


def window_starts(length: int, room: int, stride: int) -> list[int]:
    starts = [0]
    while starts[-1] + room < length:
        starts.append(starts[-1] + stride)
    return starts


def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    starts, ends = start_logits.tolist(), end_logits.tolist()
    best, best_score = (context_from, context_from), float("-inf")
    for start in range(context_from, len(starts)):
        for end in range(start, min(start + max_length, len(ends))):
            if starts[start] + ends[end] > best_score:
                best, best_score = (start, end), starts[start] + ends[end]
    return best


def normalise(text: str) -> str:
    text = text.lower()
    text = "".join(character for character in text if character not in string.punctuation)
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())


def token_f1(prediction: str, golds: list[str]) -> float:
    given = normalise(prediction).split()
    best = 0.0
    for gold in golds or [""]:
        right = normalise(gold).split()
        if not given or not right:
            score = float(given == right)
        else:
            common = (Counter(given) & Counter(right)).total()
            score = 2 * common / (len(given) + len(right))
        best = max(best, score)
    return best


def answer_or_null(span_score: float, null_scores: list[float], threshold: float) -> bool:
    return not min(null_scores) - span_score > threshold
