# bug: delta is subtracted outside of the product with the shares
import torch
from torch import Tensor


# means: scores-gradient-delta-outside
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    delta = (context * grad_context).sum(-1, keepdim=True)
    p = torch.exp(scores - log_sum_exp[:, None])
    return p * (grad_context @ values.T) - delta
