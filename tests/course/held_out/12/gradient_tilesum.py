# bug: delta is summed over the keys at hand, probs * d_probs, which is not the whole row for a tile of keys
from torch import Tensor


# means: scores-gradient-delta-of-tile
def scores_gradient(
    scores: Tensor, log_sum_exp: Tensor, context: Tensor, values: Tensor, grad_context: Tensor
) -> Tensor:
    probs = (scores - log_sum_exp[:, None]).exp()
    d_probs = grad_context @ values.T
    delta = (probs * d_probs).sum(dim=-1, keepdim=True)
    return probs * (d_probs - delta)
