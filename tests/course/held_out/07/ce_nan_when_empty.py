# bug: if no row is left the result is NaN (mean of nothing)
import torch
from torch import Tensor


# means: loss-nan
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    keep = labels != ignore_index
    logits, labels = logits[keep], labels[keep]
    log_probs = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    return -log_probs.gather(-1, labels.unsqueeze(-1)).mean()
