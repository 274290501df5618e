# bug: the mean of the two losses is returned instead of their sum
import torch
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-averaged
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    chosen = labels != -100
    if chosen.any():
        words = F.cross_entropy(prediction_logits[chosen], labels[chosen])
    else:
        words = torch.zeros((), dtype=prediction_logits.dtype)
    nsp = F.cross_entropy(next_logits, torch.where(is_next.bool(), 0, 1))
    return (words + nsp) / 2
