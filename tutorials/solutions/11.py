"""Chapter 11, When it does not learn: model answers."""

import math


def expected_first_loss(classes: int) -> float:
    return math.log(classes)


def leaked(train: list[str], dev: list[str]) -> list[int]:
    def plain(text: str) -> str:
        return " ".join(text.lower().split())

    seen = {plain(text) for text in train}
    return [place for place, text in enumerate(dev) if plain(text) in seen]


def share_truncated(lengths: list[int], max_length: int) -> float:
    if not lengths:
        return 0.0
    return sum(length + 2 > max_length for length in lengths) / len(lengths)


def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guessing = math.log(classes)
    if shared > 0:
        return "leakage"
    if moved < 1e-4:
        return "body stands still"
    if last_loss > 1.2 * guessing:
        return "rate too high"
    if last_loss > 0.95 * guessing:
        return "look at a batch"
    if dev_loss > guessing:
        return "learnt by heart"
    return "healthy"
