# bug: without golds the score is always 0, also for an empty prediction
import string
from collections import Counter


# means: token-f1-no-answer-is-wrong
def token_f1(prediction: str, golds: list[str]) -> float:
    def words(text):
        text = text.lower().translate(str.maketrans("", "", string.punctuation))
        return [w for w in text.split() if w not in {"a", "an", "the"}]

    best = 0.0
    for gold in golds:
        p, g = words(prediction), words(gold)
        if not p or not g:
            f = 1.0 if p == g else 0.0
        else:
            f = 2 * (Counter(p) & Counter(g)).total() / (len(p) + len(g))
        best = max(best, f)
    return best
