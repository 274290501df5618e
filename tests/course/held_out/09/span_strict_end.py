# bug: the end must be behind the start, so answers of a single word piece are never found
import torch
from torch import Tensor


# means: span-not-single
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    n = start_logits.shape[0]
    best, pair = float("-inf"), (context_from, context_from)
    for i in range(context_from, n):
        for j in range(i + 1, min(i + max_length, n)):
            if start_logits[i] + end_logits[j] > best:
                best, pair = start_logits[i] + end_logits[j], (i, j)
    return pair
