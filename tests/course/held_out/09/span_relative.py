# bug: positions are given relative to context_from instead of to the sequence
from torch import Tensor


# means: span-counted-in-context
def best_span(
    start_logits: Tensor, end_logits: Tensor, context_from: int, max_length: int
) -> tuple[int, int]:
    starts, ends = start_logits[context_from:].tolist(), end_logits[context_from:].tolist()
    spans = [(s, e) for s in range(len(starts)) for e in range(s, min(len(ends), s + max_length))]
    return max(spans, key=lambda x: starts[x[0]] + ends[x[1]])
