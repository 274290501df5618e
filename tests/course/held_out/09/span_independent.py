# bug: start and end are chosen independently by argmax, so the end may lie before the start (or the span be too long)
from torch import Tensor


# means: span-each-by-itself
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    start = int(start_logits[context_from:].argmax()) + context_from
    end = int(end_logits[context_from:].argmax()) + context_from
    return start, end
