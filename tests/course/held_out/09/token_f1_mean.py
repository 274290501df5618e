# bug: the mean over the golds instead of the best one
import string
from collections import Counter


# means: token-f1-mean
def token_f1(prediction: str, golds: list[str]) -> float:
    def words(text):
        text = text.lower().translate(str.maketrans("", "", string.punctuation))
        return [w for w in text.split() if w not in {"a", "an", "the"}]

    def one(gold):
        p, g = words(prediction), words(gold)
        if not p or not g:
            return float(p == g)
        return 2 * sum((Counter(p) & Counter(g)).values()) / (len(p) + len(g))

    golds = golds or [""]
    return sum(map(one, golds)) / len(golds)
