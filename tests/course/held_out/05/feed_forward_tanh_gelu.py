# bug: GELU's tanh approximation instead of the exact one
import torch.nn.functional as F
from torch import Tensor


# means: feed-forward-tanh-gelu
def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    inner = F.gelu(F.linear(x, inner_weight, inner_bias), approximate="tanh")
    return F.linear(inner, outer_weight, outer_bias)
