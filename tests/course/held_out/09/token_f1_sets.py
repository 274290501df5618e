# bug: common words are counted with sets, so repeated words count once
import string


def _normalise(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(w for w in text.split() if w not in ("a", "an", "the"))


# means: token-f1-sets
def token_f1(prediction: str, golds: list[str]) -> float:
    best = 0.0
    p = _normalise(prediction).split()
    for gold in golds or [""]:
        g = _normalise(gold).split()
        if not p or not g:
            score = float(p == g)
        else:
            score = 2 * len(set(p) & set(g)) / (len(p) + len(g))
        best = max(best, score)
    return best
