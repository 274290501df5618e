# bug: -100 is ignored always, whatever ignore_index is given
import torch
from torch import Tensor


# means: loss-always-100
def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    keep = labels >= 0
    if not keep.any():
        return torch.tensor(0.0, dtype=logits.dtype)
    x = logits[keep]
    y = labels[keep]
    return (x.logsumexp(-1) - x.gather(1, y[:, None]).squeeze(1)).mean()
