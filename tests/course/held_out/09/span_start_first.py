# bug: greedy: takes the best start first and then the best end within reach, instead of the best sum
from torch import Tensor


# means: span-start-first
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    start = context_from + int(start_logits[context_from:].argmax())
    end = start + int(end_logits[start : start + max_length].argmax())
    return start, end
