# bug: the root of the mean squared difference is returned
from torch import Tensor


# means: regression-root
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return ((logits.view(-1) - scores) ** 2).mean() ** 0.5
