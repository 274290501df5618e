# bug: every word of the prediction that occurs in the gold counts, however often the gold has it
import string


# means: token-f1-counted-one-way
def token_f1(prediction: str, golds: list[str]) -> float:
    def norm(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation)
        return [w for w in text.split() if w not in ("a", "an", "the")]

    p = norm(prediction)
    scores = []
    for gold in golds if golds else [""]:
        g = norm(gold)
        if not p or not g:
            scores.append(1.0 if p == g else 0.0)
            continue
        common = sum(1 for w in p if w in g)
        scores.append(2 * common / (len(p) + len(g)))
    return max(scores)
