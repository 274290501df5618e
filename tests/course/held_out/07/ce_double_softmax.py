# bug: the logits go through a softmax before the cross-entropy, so softmax is applied twice
import torch
from torch import Tensor


# means: loss-of-probabilities
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    probs = logits.softmax(-1)
    keep = labels != ignore_index
    if int(keep.sum()) == 0:
        return torch.zeros((), dtype=logits.dtype)
    probs, labels = probs[keep], labels[keep]
    return (torch.logsumexp(probs, -1) - probs[range(len(labels)), labels]).mean()
