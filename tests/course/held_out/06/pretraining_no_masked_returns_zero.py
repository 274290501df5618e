# bug: if no word is masked, the whole loss is 0, that of the next sentence is dropped too
import torch
import torch.nn.functional as F
from torch import Tensor


# means: none
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    if bool((labels == -100).all()):
        return prediction_logits.new_tensor(0.0)
    words = F.cross_entropy(prediction_logits.flatten(0, 1), labels.flatten())
    return words + F.cross_entropy(next_logits, (~is_next.bool()).long())
