# bug: the texts are only lower-cased and split, not normalised (articles and punctuation stay)
from collections import Counter


# means: token-f1-as-written
def token_f1(prediction: str, golds: list[str]) -> float:
    p = Counter(prediction.lower().split())
    result = 0.0
    for gold in golds or [""]:
        g = Counter(gold.lower().split())
        if not p or not g:
            result = max(result, 1.0 if p == g else 0.0)
        else:
            result = max(result, 2 * (p & g).total() / (p.total() + g.total()))
    return result
