# bug: the loss of the next sentence is left out
import torch
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-words-alone
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    chosen = labels != -100
    if not chosen.any():
        return torch.tensor(0.0, dtype=prediction_logits.dtype)
    return F.cross_entropy(prediction_logits[chosen], labels[chosen])
