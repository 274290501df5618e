# bug: ReLU instead of GELU
import torch
from torch import Tensor


# means: feed-forward-relu
def feed_forward(
    x: Tensor, inner_weight: Tensor, inner_bias: Tensor, outer_weight: Tensor, outer_bias: Tensor
) -> Tensor:
    return torch.relu(x @ inner_weight.T + inner_bias) @ outer_weight.T + outer_bias
