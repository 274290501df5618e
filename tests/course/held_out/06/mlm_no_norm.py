# bug: the LayerNorm of the transform is missing
import torch
import torch.nn.functional as F
from torch import Tensor


# means: mlm-no-norm
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    x = F.gelu(F.linear(hidden, weights["dense.weight"], weights["dense.bias"]))
    return torch.einsum("bsd,vd->bsv", x, token_table) + weights["bias"]
