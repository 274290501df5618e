# bug: the question's positions are searched too, context_from is ignored
from torch import Tensor


# means: span-in-question
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    best = None
    for s, a in enumerate(start_logits.tolist()):
        for e, b in enumerate(end_logits.tolist()):
            if s <= e < s + max_length and (best is None or a + b > best[0]):
                best = (a + b, s, e)
    return best[1], best[2]
