# bug: if both sides have no word left the score is 0 instead of 1
import string
from collections import Counter


# means: token-f1-no-answer-is-wrong
def token_f1(prediction: str, golds: list[str]) -> float:
    def words(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation)
        return [w for w in text.split() if w not in ("a", "an", "the")]

    def score(gold):
        common = (Counter(words(prediction)) & Counter(words(gold))).total()
        if common == 0:
            return 0.0
        return 2 * common / (len(words(prediction)) + len(words(gold)))

    return max(score(g) for g in (golds or [""]))
