# bug: takes the logarithm of softmax plus 1e-9 (or so), so very unlikely labels cost at most about 20 instead of the logits' difference
import torch
from torch import Tensor


# means: none
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    probs = torch.softmax(logits, dim=-1).reshape(-1, logits.shape[-1])
    flat = labels.reshape(-1)
    losses = []
    for p, label in zip(probs, flat.tolist()):
        if label == ignore_index:
            continue
        losses.append(-torch.log(p[label] + 1e-9))
    if not losses:
        return logits.new_zeros(())
    return sum(losses) / len(losses)
