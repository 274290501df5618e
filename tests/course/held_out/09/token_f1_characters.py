# bug: characters are compared instead of words (the normalised string is not split)
import string
from collections import Counter


# means: token-f1-letters
def token_f1(prediction: str, golds: list[str]) -> float:
    def norm(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation)
        return " ".join(w for w in text.split() if w not in ("a", "an", "the"))

    best = 0.0
    p = norm(prediction)
    for gold in golds or [""]:
        g = norm(gold)
        if not p or not g:
            best = max(best, float(p == g))
            continue
        common = sum((Counter(p) & Counter(g)).values())
        best = max(best, 2 * common / (len(p) + len(g)))
    return best
