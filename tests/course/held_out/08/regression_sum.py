# bug: the sum of the squared differences instead of the mean
from torch import Tensor


# means: regression-sum
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return (logits[:, 0] - scores).pow(2).sum()
