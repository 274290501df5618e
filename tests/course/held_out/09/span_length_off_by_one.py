# bug: spans of max_length + 1 word pieces are allowed (end - start <= max_length)
from torch import Tensor


# means: span-one-too-long
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    best, where = float("-inf"), (context_from, context_from)
    S = len(start_logits)
    for i in range(context_from, S):
        for j in range(i, min(S, i + max_length + 1)):
            score = float(start_logits[i] + end_logits[j])
            if score > best:
                best, where = score, (i, j)
    return where
