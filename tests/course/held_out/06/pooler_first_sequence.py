# bug: hidden[0] is taken for the [CLS] states, i.e. all positions of the first sequence of the batch instead of position 0 of each
import torch
from torch import Tensor


# means: pooler-first-sequence
def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.tanh(torch.nn.functional.linear(hidden[0], weight, bias))
