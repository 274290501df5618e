# bug: is_next is used as the class number, so True means column 1 instead of column 0
import torch
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-next-swapped
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    if (labels != -100).any():
        words = F.cross_entropy(prediction_logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    else:
        words = prediction_logits.sum() * 0.0
    return words + F.cross_entropy(next_logits, is_next.long())
