# bug: half the mean squared difference
from torch import Tensor


# means: regression-half
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return 0.5 * ((logits.flatten() - scores) ** 2).mean()
