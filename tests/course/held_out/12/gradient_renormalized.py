# bug: the shares are computed anew from the scores at hand without log_sum_exp: too large for a tile of keys
import torch
from torch import Tensor


# means: scores-gradient-of-tile
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    powers = torch.exp(scores - scores.max(dim=1, keepdim=True).values)
    p = powers / powers.sum(dim=1, keepdim=True)
    dp = torch.einsum("qw,kw->qk", grad_context, values)
    delta = torch.einsum("qw,qw->q", context, grad_context)
    return p * (dp - delta[:, None])
