# bug: the best score starts at 0 instead of minus infinity, so if all sums are negative no span is found and the first context position is given
from torch import Tensor


# means: none
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    best_score = 0
    start, end = context_from, context_from
    for i in range(context_from, len(start_logits)):
        for j in range(i, min(i + max_length, len(end_logits))):
            s = start_logits[i] + end_logits[j]
            if s > best_score:
                best_score = s
                start, end = i, j
    return start, end
