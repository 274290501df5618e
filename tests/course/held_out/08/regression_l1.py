# bug: the mean absolute difference instead of the squared one
import torch
from torch import Tensor


# means: regression-absolute
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return torch.nn.functional.l1_loss(logits.squeeze(-1), scores)
