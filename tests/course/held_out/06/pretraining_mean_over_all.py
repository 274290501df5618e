# bug: the masked words' loss is divided by the number of all positions instead of the masked ones
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-over-all-positions
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    per_token = F.cross_entropy(prediction_logits.transpose(1, 2), labels, reduction="none")
    target = 1 - is_next.long()
    return per_token.mean() + F.cross_entropy(next_logits, target)
