# bug: delta is forgotten: the shares' gradient is only multiplied by the shares
import torch
from torch import Tensor


# means: scores-gradient-no-delta
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    probs = torch.exp(scores - log_sum_exp.unsqueeze(-1))
    grad_probs = grad_context @ values.T
    return probs * grad_probs
