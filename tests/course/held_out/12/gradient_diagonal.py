# bug: the softmax's derivative is taken to be p * (1 - p), as for a sigmoid, without the other keys' part
import torch
from torch import Tensor


# means: scores-gradient-own-share
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    p = torch.exp(scores - log_sum_exp[:, None])
    dp = grad_context @ values.T
    return dp * p * (1 - p)
