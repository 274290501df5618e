# bug: only the first gold is looked at instead of the one that fits best
import string
from collections import Counter


# means: token-f1-first-gold
def token_f1(prediction: str, golds: list[str]) -> float:
    def words(text):
        text = text.lower().translate(str.maketrans("", "", string.punctuation))
        return [w for w in text.split() if w not in {"a", "an", "the"}]

    gold = golds[0] if golds else ""
    p, g = words(prediction), words(gold)
    if not p or not g:
        return float(p == g)
    common = sum((Counter(p) & Counter(g)).values())
    return 2 * common / (len(p) + len(g))
