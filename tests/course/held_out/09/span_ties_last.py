# bug: of equal spans the last one found wins (>=) instead of the first and shortest
from torch import Tensor


# means: span-last-of-equals
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    best_score = float("-inf")
    best = (context_from, context_from)
    for start in range(context_from, start_logits.shape[0]):
        for end in range(start, start + max_length):
            if end >= end_logits.shape[0]:
                break
            total = start_logits[start].item() + end_logits[end].item()
            if total >= best_score:
                best_score = total
                best = (start, end)
    return best
