# bug: tanh is applied to the [CLS] state before the linear layer instead of to its result
import torch
from torch import Tensor


# means: none
def pooler(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.einsum("bd,ed->be", torch.tanh(hidden[:, 0]), weight) + bias
