# bug: delta is summed over all queries too, one number for all instead of one for each query
import torch
from torch import Tensor


# means: scores-gradient-delta-of-all
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    d_probs = torch.matmul(grad_context, values.transpose(0, 1))
    probs = torch.exp(scores - log_sum_exp.view(-1, 1))
    delta = torch.sum(context * grad_context)
    return probs * (d_probs - delta)
