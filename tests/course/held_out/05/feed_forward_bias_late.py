# bug: the inner bias is added after the GELU instead of before
import torch
from torch import Tensor


# means: feed-forward-activation-before-bias
def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    h = torch.nn.functional.gelu(x @ inner_weight.T) + inner_bias
    return h @ outer_weight.T + outer_bias
