# bug: GELU is applied to the result of the second linear layer as well
import torch.nn.functional as F
from torch import Tensor


# means: feed-forward-activated-twice
def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    for weight, bias in [(inner_weight, inner_bias), (outer_weight, outer_bias)]:
        x = F.gelu(F.linear(x, weight, bias))
    return x
