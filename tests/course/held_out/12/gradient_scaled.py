# bug: the result is divided by the root of the width, though the scores are already scaled
import torch
from torch import Tensor


# means: scores-gradient-scaled
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    scale = values.shape[-1] ** -0.5
    delta = (context * grad_context).sum(-1, keepdim=True)
    probs = torch.exp(scores - log_sum_exp[:, None])
    d_scores = probs * (grad_context @ values.T - delta)
    return d_scores * scale
