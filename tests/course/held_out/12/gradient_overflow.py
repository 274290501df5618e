# bug: the shares are exp(scores) / exp(log_sum_exp) instead of the power of the difference: NaN for large scores
from torch import Tensor


# means: scores-gradient-no-difference
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    weights = scores.exp() / log_sum_exp.exp()[:, None]
    blame = grad_context @ values.mT
    delta = (context * grad_context).sum(-1)
    return weights * (blame - delta[:, None])
