# bug: the end is given exclusively, one behind the last word piece
from torch import Tensor


# means: span-end-behind
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    scores = start_logits[:, None] + end_logits[None, :]
    best = None
    for i in range(context_from, len(scores)):
        for j in range(i, min(len(scores), i + max_length)):
            if best is None or scores[i, j] > scores[best]:
                best = (i, j)
    return best[0], best[1] + 1
