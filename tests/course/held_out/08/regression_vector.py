# bug: the squared differences are returned row by row, the mean is missing
from torch import Tensor


# means: none
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return (logits.squeeze(1) - scores).square()
