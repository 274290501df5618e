# bug: the LayerNorm comes before the GELU
import torch.nn.functional as F
from torch import Tensor


# means: mlm-norm-before-gelu
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    D = hidden.shape[-1]
    x = F.linear(hidden, weights["dense.weight"], weights["dense.bias"])
    x = F.layer_norm(x, (D,), weights["norm.weight"], weights["norm.bias"], 1e-12)
    x = F.gelu(x)
    return x @ token_table.transpose(0, 1) + weights["bias"]
