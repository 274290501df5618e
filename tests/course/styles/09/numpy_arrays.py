"""numpy for the spans and windows, str.translate for the words."""

import string

import numpy as np


def window_starts(length, room, stride):
    return (np.arange(1 + max(0, -(-(length - room) // stride))) * stride).tolist()


def best_span(start_logits, end_logits, context_from, max_length):
    size = len(start_logits)
    scores = start_logits.numpy()[:, None] + end_logits.numpy()[None, :]
    allowed = np.triu(np.ones((size, size), bool)) & ~np.triu(
        np.ones((size, size), bool), max_length
    )
    allowed[:context_from] = False
    scores = np.where(allowed, scores, -np.inf)
    return tuple(int(i) for i in np.unravel_index(scores.argmax(), scores.shape))


def normalise(text):
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    words = np.array(text.split(), dtype=object)
    return " ".join(words[~np.isin(words, ["a", "an", "the"])]) if len(words) else ""


def token_f1(prediction, golds):
    scores = []
    for gold in golds or [""]:
        ours, theirs = normalise(prediction).split(), normalise(gold).split()
        if not ours or not theirs:
            scores.append(1.0 if ours == theirs else 0.0)
            continue
        words = sorted(set(ours + theirs))
        counts = np.array([[side.count(word) for word in words] for side in (ours, theirs)])
        scores.append(2 * counts.min(0).sum() / counts.sum())
    return np.max(scores)


def answer_or_null(span_score, null_scores, threshold):
    return bool(np.min(null_scores) - span_score <= threshold)
