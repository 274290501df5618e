# bug: the sum is divided by the number of all rows, ignored ones included
import torch
from torch import Tensor


# means: loss-over-padding
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    logits = logits.reshape(-1, logits.shape[-1])
    labels = labels.reshape(-1)
    keep = labels != ignore_index
    if not keep.any():
        return logits.sum() * 0
    safe = labels.clone()
    safe[~keep] = 0
    losses = torch.logsumexp(logits, -1) - logits.gather(1, safe[:, None])[:, 0]
    return (losses * keep).mean()
