# bug: if no word is masked, the loss is NaN
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-nan
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    words = F.cross_entropy(prediction_logits.view(-1, prediction_logits.size(-1)), labels.view(-1))
    sentences = F.cross_entropy(next_logits, (~is_next.bool()).long())
    return words + sentences
